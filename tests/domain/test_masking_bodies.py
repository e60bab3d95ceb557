"""Bodies of every form, whole and broken."""

import pytest

from calltrail.domain.masking.call_masking import CallMasking, Masker

MASKER = Masker(["customField"])
SECRET = "S3CR3T~x"


def mask(body: bytes) -> bytes:
    return CallMasking(MASKER).mask([], body).body


class TestJson:
    @pytest.mark.parametrize(
        ("body", "masked"),
        [
            ('{"password":"x"}', '{"password":"***"}'),
            ('{ "Pass_Word" :\n "x" , "a":1}', '{ "Pass_Word" :\n "***" , "a":1}'),
            ('{"a":[{"token":12.5e3}]}', '{"a":[{"token":"***"}]}'),
            ('{"secret":{"a":"}","b":["]"]},"c":1}', '{"secret":"***","c":1}'),
            ('{"pin":[1,[2]],"c":1}', '{"pin":"***","c":1}'),
            (r'{"p\u0061ssword":"a\"b\\","c":1}', r'{"p\u0061ssword":"***","c":1}'),
            ("{'password': 'it\\'s', 'c': 1}", "{'password': '***', 'c': 1}"),
            ('{"cvv":"1"}\n{"cvv":2}\n', '{"cvv":"***"}\n{"cvv":"***"}\n'),
            ('\ufeff{"cvv":1}', '\ufeff{"cvv":"***"}'),
            ('{"newPassword":"x","password_confirmation":"x"}', '{"newPassword":"***","password_confirmation":"***"}'),
            ('{"custom-field":"x"}', '{"custom-field":"***"}'),
            (
                '{"user.password":"x","@token":"y","ns:secret":"z"}',
                '{"user.password":"***","@token":"***","ns:secret":"***"}',
            ),
        ],
    )
    def test_values_under_secret_names_give_way_and_nothing_else_changes(self, body: str, masked: str) -> None:
        assert mask(body.encode()).decode() == masked

    @pytest.mark.parametrize(
        "body",
        [
            '{"tokens_used":5,"passport":"x","secretary":"Ann","company":"x","shipping":"x","author":"x"}',
            '{"password":"","token":null,"isSecret":true,"passwordSecret":false}',
            '{"message":"/customer/password: is too short"}',
            '["password","token"]',
            '{"key":"sku","value":1}',
            '{"email":"a@b.c","url":"https://h.example:80/@x?a=%41"}',
        ],
    )
    def test_what_is_no_secret_stays(self, body: str) -> None:
        raw = body.encode()
        assert mask(raw) is raw

    @pytest.mark.parametrize(
        ("body", "masked"),
        [
            (r'{"x":"{\"pin\":1,\"a\":2}"}', r'{"x":"{\"pin\":\"***\",\"a\":2}"}'),
            ('{"x":"https://h/?token=abc&b=1"}', '{"x":"https://h/?token=***&b=1"}'),
            (r'{"x":"https:\/\/h\/?token=abc\u0026b=1"}', '{"x":"https://h/?token=***&b=1"}'),
            ('{"x":"<password>abc</password>"}', '{"x":"<password>***</password>"}'),
            (r'{"x":"\u003Cpassword\u003Eabc\u003C/password\u003E"}', '{"x":"<password>***</password>"}'),
            ('{"x":"https://bob:abc@h/"}', '{"x":"https://bob:***@h/"}'),
            (
                r'{"query":"mutation { login(password: \"abc\") }"}',
                r'{"query":"mutation { login(password: \"***\") }"}',
            ),
            ('{"password=abc":1}', '{"password=***":"***"}'),
        ],
    )
    def test_strings_are_read_as_texts_of_their_own(self, body: str, masked: str) -> None:
        assert mask(body.encode()).decode() == masked

    @pytest.mark.parametrize(
        "body",
        [
            '{"password":"%s',
            '{"password":"%s\\',
            '{"a":1,"password":{"b":["%s"',
            '{"password": "ab"%s", "x": 1}',
            '{"password": %s, "x": 1}',
            "{password: '%s', x: 1}",
            '{"a: 1, "password": "%s"}',
            '{"a":1,} // note\n"password": "%s"',
            ")]}',\n" + '{"password":"%s"}',
            'callback({"password":"%s"})',
            '{"x":"{\\"password\\":\\"%s',
            'broken " {\\"password\\":\\"%s\\"}',
            'broken " {\\u0022password\\u0022:\\u0022%s\\u0022}',
            'broken \' x["password"] = "%s"',
        ],
    )
    def test_broken_and_cut_documents_hide_it_too(self, body: str) -> None:
        masked = mask((body % SECRET).encode())
        assert SECRET.encode() not in masked
        assert b"***" in masked


class TestXml:
    @pytest.mark.parametrize(
        ("body", "masked"),
        [
            ("<r><password>x</password><a>1</a></r>", "<r><password>***</password><a>1</a></r>"),
            ('<r><n:token xsi:nil="false">x</n:token></r>', '<r><n:token xsi:nil="false">***</n:token></r>'),
            ("<secret><a>x</a><secret>y</secret>z</secret><b/>", "<secret>***</secret><b/>"),
            ("<password><![CDATA[a</password>b]]></password><b/>", "<password>***</password><b/>"),
            ("<password>a<!-- </password> -->b</password>", "<password>***</password>"),
            ("<user password='x' name=\"y\"/>", "<user password='***' name=\"y\"/>"),
            ('<password value="x"/><a/>', '<password value="***"/><a/>'),
            ('<password type="p">x</password>', '<password type="***">***</password>'),
            ("<a>{&quot;pin&quot;:1}</a>", "<a>{&quot;pin&quot;:&quot;***&quot;}</a>"),
            ('<a><![CDATA[{"pin":1}]]></a>', '<a><![CDATA[{"pin":"***"}]]></a>'),
            ('<a href="?token=x&amp;b=1">t</a>', '<a href="?token=***&amp;b=1">t</a>'),
            ('<?xml version="1.0"?>\n<!DOCTYPE a [<!ELEMENT a ANY>]>\n<cvv>1</cvv>', None),
            ("<token/><token></token><b>x</b>", "<token/><token></token><b>x</b>"),
            ("<a>the password</a>", "<a>the password</a>"),
        ],
    )
    def test_elements_and_attributes_with_secret_names(self, body: str, masked: str | None) -> None:
        assert mask(body.encode()).decode() == (masked or body.replace(">1<", ">***<"))

    @pytest.mark.parametrize(
        "body",
        [
            "<r><password>%s",
            "<r><password>%s</passwo",
            '<r><user password="%s',
            "<r><user password=%s",
            "<r>a < b <password>%s</password></r>",
            "text <password a='1'>%s</password>",
            "<r><!-- <password>%s</password> --></r>",
            "<r><?php password='%s' ?></r>",
            "<password %s",
        ],
    )
    def test_broken_and_cut_documents_hide_it_too(self, body: str) -> None:
        assert SECRET.encode() not in mask((body % f"x={SECRET}" if body == "<password %s" else body % SECRET).encode())


class TestForms:
    @pytest.mark.parametrize(
        ("body", "masked"),
        [
            ("a=1&password=x+y%20z&b=2", "a=1&password=***&b=2"),
            ("p%61ss%57ord=x&b=2", "p%61ss%57ord=***&b=2"),
            ("user%5Bpassword%5D=x&b=2", "user%5Bpassword%5D=***&b=2"),
            ("old+password=x&b=2", "old+password=***&b=2"),
            ("a=1;password=x;y&b=2", "a=1;password=***&b=2"),
            ("j=%7B%22pin%22%3A1%7D&b=2", "j=%7B%22pin%22%3A%22***%22%7D&b=2"),
            ("password=&b=2", "password=&b=2"),
        ],
    )
    def test_values_under_secret_names(self, body: str, masked: str) -> None:
        assert mask(body.encode()).decode() == masked

    def test_json_that_became_the_name_of_a_field(self) -> None:
        assert SECRET.encode() not in mask(b"%7B%22password%22%3A%22" + SECRET.encode() + b"%22%7D=")


class TestMultipart:
    BODY = (
        b"preamble\r\n--b-1\r\n"
        b'Content-Disposition: form-data; name="password"\r\n\r\nhun\r\n--ter2\r\n--b-1\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\xff\0\r\n--b-1\r\n"
        b"Content-Disposition: form-data; name=p%61sscode\r\n\r\nx\r\n--b-1\r\n"
        b'Content-Disposition: form-data; name="json"\r\n\r\n{"pin":1}\r\n--b-1--\r\n'
    )

    def test_parts_with_secret_names_and_secrets_within_parts(self) -> None:
        masked = self.BODY.replace(b"hun\r\n--ter2", b"***").replace(b"\r\nx\r\n", b"\r\n***\r\n")
        assert mask(self.BODY) == masked.replace(b'{"pin":1}', b'{"pin":"***"}')

    def test_a_part_that_is_cut(self) -> None:
        assert mask(self.BODY[: self.BODY.index(b"ter2")]).endswith(b'name="password"\r\n\r\n***')

    def test_a_secret_header_of_a_part(self) -> None:
        assert b"abc" not in mask(
            b'--b\r\nX-Api-Key: abc\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--'
        )


class TestText:
    @pytest.mark.parametrize(
        ("body", "masked"),
        [
            ("user: bob\npassword: correct horse\nend", "user: bob\npassword: ***\nend"),
            ("[db]\r\npwd = x y\r\nhost = h", "[db]\r\npwd = ***\r\nhost = h"),
            ("failed with token=abc", "failed with token=***"),
            ("see https://bob:abc@h/", "see https://bob:***@h/"),
            ('level=info password="a b" user=bob', 'level=info password="***" user=bob'),
            ("password := x", "password := ***"),
            ("the password is too short", "the password is too short"),
            ("Token::Expired", "Token::Expired"),
        ],
    )
    def test_names_with_their_values(self, body: str, masked: str) -> None:
        assert mask(body.encode()).decode() == masked

    def test_bytes_that_are_no_text(self) -> None:
        assert mask(b"\xff\xfe\xfapassword=\xf0\x9f\xff\n\x01") == b"\xff\xfe\xfapassword=***\n\x01"
