"""Headers, URLs, error messages, and secrets that one part of a call gives away about another."""

import json
import timeit

import pytest

from calltrail.domain.masking.call_masking import CallMasking, MaskedHalf, Masker

MASKER = Masker()


def mask(*headers: tuple[str, str], body: bytes = b"", url: str = "", errors: str | None = None) -> MaskedHalf:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return CallMasking(MASKER).mask(raw, body, url=url, errors=errors)


def test_headers_keep_their_order_their_repeats_and_their_spelling() -> None:
    half = mask(("X-B", "2"), ("x-a", "1"), ("X-B", "2"), ("empty", ""), ("latin", "caf\xe9"))
    assert half.headers == "X-B: 2\nx-a: 1\nX-B: 2\nempty: \nlatin: caf\xe9"
    assert half.masked is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("SecretKey abcdef", "SecretKey ***"),
        ("Bearer  abcdef ", "Bearer ***"),
        ("bearer\tabcdef", "bearer ***"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ('Mindbox secretKey="abcdef"', "Mindbox ***"),
        ('Digest username="bob", response="abc"', "Digest ***"),
        ("AWS4-HMAC-SHA256 Credential=a, Signature=b", "AWS4-HMAC-SHA256 ***"),
        ("abcdef", "***"),
        ("Peculiar abcdef", "***"),
        ("Bearer", "***"),
    ],
)
@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "X-Authorization"])
def test_credentials_keep_a_known_scheme_and_nothing_else(name: str, value: str, shown: str) -> None:
    half = mask((name, value))
    assert half.headers == f"{name}: {shown}"
    assert half.masked == "headers"


def test_cookies_keep_their_names_and_set_cookie_its_attributes() -> None:
    half = mask(("Cookie", "sid=abc; theme=dark;bare; x="), ("Set-Cookie", "sid=a=b; Path=/; HttpOnly; Max-Age=60"))
    assert half.headers == "Cookie: sid=***; theme=***;***; x=\nSet-Cookie: sid=***; Path=/; HttpOnly; Max-Age=60"


@pytest.mark.parametrize(
    "name", ["X-Api-Key", "api_key", "X-Auth-Token", "X-CSRF-Token", "Client-Secret", "X-Vault-Token"]
)
def test_headers_with_secret_names_are_masked_whole(name: str) -> None:
    assert mask((name, "abc")).headers == f"{name}: ***"


def test_a_masked_field_of_the_method_is_a_secret_header_and_parameter_too() -> None:
    masking = CallMasking(Masker(["Loyalty-Card", "\u043f\u0430\u0440\u043e\u043b\u044c"]))
    half = masking.mask(
        [(b"loyaltycard", b"4711")], b"", url="/x?loyalty_card=4711&%D0%9F%D0%B0%D1%80%D0%BE%D0%BB%D1%8C=z"
    )
    assert half.headers == "loyaltycard: ***"
    assert half.url == "/x?loyalty_card=***&%D0%9F%D0%B0%D1%80%D0%BE%D0%BB%D1%8C=***"


@pytest.mark.parametrize("name", ["Referer", "Location", "Link", "X-Whatever"])
def test_urls_in_headers_lose_their_secrets(name: str) -> None:
    half = mask((name, "https://bob:hunter2@shop.example/?a=1&token=abc&b=2"))
    assert half.headers == f"{name}: https://bob:***@shop.example/?a=1&token=***&b=2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/v3?endpointId=a&operation=b", "/v3?endpointId=a&operation=b"),
        ("/v3?a=1&password=x&b=2", "/v3?a=1&password=***&b=2"),
        ("/v3?PASS%57ORD=x", "/v3?PASS%57ORD=***"),
        ("/v3?p%61ss%2577ord=x", "/v3?p%61ss%2577ord=***"),
        ("/v3?a=1;token=x", "/v3?a=1;token=***"),
        ("/v3;jsessionid=ABC?x=1", "/v3;jsessionid=***"),
        ("/v3#access_token=x&b=2", "/v3#access_token=***&b=2"),
        ("/v3?a=1#b=2&id_token=x", "/v3?a=1#b=2&id_token=***"),
        ("https://bob:x@h.example/p", "https://bob:***@h.example/p"),
        ("https://bob:a@b:c@h.example/p", "https://bob:***@h.example/p"),
        ("/v3?key=x&sig=y&signature=z", "/v3?key=***&sig=***&signature=***"),
        ("/v3?user[password]=x&monkey=1", "/v3?user[password]=***&monkey=1"),
        ("/v3?next=%2Fa%3Ftoken%3Dx%26b%3D1", "/v3?next=%2Fa%3Ftoken%3D***%26b%3D1"),
        ("/v3?data=%7B%22password%22%3A%22x%22%7D", "/v3?data=%7B%22password%22%3A%22***%22%7D"),
        ("/v3?token=", "/v3?token="),
        ("/v3?tokens_used=7&secretary=Ann", "/v3?tokens_used=7&secretary=Ann"),
    ],
)
def test_secret_parameters_of_a_url_are_masked(url: str, shown: str) -> None:
    half = mask(url=url)
    assert half.url.replace("%2A", "*").replace("/a", "%2Fa") == shown.replace("/a", "%2Fa")
    assert half.masked == (None if url == shown else "url")


def test_error_messages_may_name_a_secret_but_not_tell_it() -> None:
    half = mask(errors="/customer/password: is too short\nupstream said: token=abc\nAuthorization: Bearer abc")
    assert half.errors == "/customer/password: is too short\nupstream said: token=***\nAuthorization: ***"
    assert half.masked == "errors"


def test_without_error_messages_there_are_none() -> None:
    assert mask().errors is None
    assert mask(errors="").errors == ""


def test_texts_with_lone_surrogates_become_writable() -> None:
    half = CallMasking(MASKER, ["\ud800secret"]).mask(
        [], b"", url="/\udcff?token=\ud800", errors="\ud800 password=\udfff"
    )
    assert (half.url, half.errors) == ("/\\udcff?token=***", "\\ud800 password=***")


class TestSecretsKnownByValue:
    def test_what_is_secret_in_one_part_is_secret_in_every_other(self) -> None:
        half = mask(
            ("Authorization", "SecretKey key-abcdef"),
            ("X-Echo", "hunter2!"),
            body=b'{"password":"hunter2!","note":"sent key-abcdef"}',
            url="/v3?q=hunter2%21&k=key-abcdef",
            errors="'hunter2!' is too short",
        )
        assert half == MaskedHalf(
            url="/v3?q=***&k=***",
            headers="Authorization: SecretKey ***\nX-Echo: ***",
            body=b'{"password":"***","note":"sent ***"}',
            errors="'***' is too short",
            masked="url,headers,body,errors",
        )

    def test_the_answer_may_not_repeat_what_the_request_hid(self) -> None:
        masking = CallMasking(MASKER, ["presented-key"])
        masking.mask([(b"Cookie", b"sid=0123456789abcdef")], b'{"password":"hunter2!"}')
        half = masking.mask([], b"hunter2! 0123456789abcdef presented-key link-signature", secrets=["link-signature"])
        assert half.body == b"*** *** *** ***"

    @pytest.mark.parametrize(
        "echo",
        [
            r'{"x":"a\"b\/c+d\u00e9 e"}',
            r'{"x":"a\u0022b/c\u002bd\u00E9 e"}',
            json.dumps({"x": json.dumps('a"b/c+d\xe9 e')}),
            json.dumps({"x": 'a"b/c+d\xe9 e'}, ensure_ascii=False),
            "x=a%22b%2fc%2Bd%C3%A9+e",
            "x=a%2522b%252Fc%252Bd%25C3%25A9%2520e",
            "<x>a&quot;b/c+d&#233; e</x>",
            "<x>a&#34;b&#x2F;c+d\xe9 e</x>",
        ],
    )
    def test_a_secret_is_found_however_it_is_spelled(self, echo: str) -> None:
        half = CallMasking(MASKER, ['a"b/c+d\xe9 e']).mask([], echo.encode())
        assert b"***" in half.body
        for rest in (b"c+d", b"c%", b"\xc3\xa9", b"00e9", b"00E9", b"c\\", b"233"):
            assert rest not in half.body

    def test_json_stays_json(self) -> None:
        masking = CallMasking(MASKER, ["nightfall", "123456"])
        body = rb'{"a":"x\nightfall","b":123456,"c":"no 123456 here","d":91234567,"e":"\\nightfall"}'
        assert json.loads(masking.mask([], body).body) == {
            "a": "x***",
            "b": "***",
            "c": "no *** here",
            "d": 91234567,
            "e": "***",
        }

    def test_values_within_a_secret_object_are_secrets(self) -> None:
        half = mask(body=b'{"token":{"kind":"a","value":"abcdef-1","n":[12345678]},"x":"abcdef-1 12345678"}')
        assert half.body == b'{"token":"***","x":"*** ***"}'

    def test_a_password_sent_by_the_basic_scheme_is_known(self) -> None:
        assert mask(("Authorization", "Basic Ym9iOmh1bnRlcjIh"), body=b"hunter2!").body == b"***"

    def test_a_key_inside_credentials_is_known(self) -> None:
        assert mask(("Authorization", 'Mindbox secretKey="abcdef-1"'), body=b"abcdef-1").body == b"***"

    def test_a_cut_in_the_middle_of_a_secret_leaves_no_beginning_of_it(self) -> None:
        masking = CallMasking(MASKER, ["presented-key"])
        assert masking.mask([], b"you sent presented-k", is_cut=True).body == b"you sent ***"
        assert masking.mask([], b"you sent presented-k", is_cut=False).body == b"you sent presented-k"

    def test_short_values_settings_and_names_are_no_secrets_elsewhere(self) -> None:
        half = mask(("Cookie", "theme=default"), body=b'{"pin":1234,"password":"password","x":"default 1234"}')
        assert half.body == b'{"pin":"***","password":"***","x":"default 1234"}'


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
    def test_wide_encodings_are_seen_through_whatever_is_declared(self, encoding: str) -> None:
        text = '{"note":"\u043f\U0001f511","password":"hunter2","x":"hunter2"}'
        body = CallMasking(MASKER).mask([], text.encode(encoding), content_type="application/json").body
        assert body.decode(encoding) == text.replace("hunter2", "***")

    def test_a_secret_known_by_value_is_found_in_a_wide_encoding(self) -> None:
        body = CallMasking(MASKER, ["hunter2!"]).mask([], "x hunter2!".encode("utf-16-be")).body
        assert body.decode("utf-16-be") == "x ***"

    @pytest.mark.parametrize("charset", ["shift_jis", "utf-7", "cp500", "gb18030"])
    def test_charsets_unlike_ascii_are_read_as_declared(self, charset: str) -> None:
        body = (
            '{"password":"\u8868hunter2"}'.encode("shift_jis")
            if charset == "shift_jis"
            else '{"pin":"x+y"}'.encode(charset)
        )
        masked = CallMasking(MASKER).mask([], body, content_type=f'text/plain; charset="{charset}"').body
        assert set(json.loads(masked.decode(charset)).values()) == {"***"}

    @pytest.mark.parametrize("charset", ["base64", "zip", "nonsense", "punycode", "\0"])
    def test_charsets_that_are_none_do_no_harm(self, charset: str) -> None:
        body = CallMasking(MASKER).mask([], b'{"pin":1}', content_type=f"text/plain; charset={charset}").body
        assert body == b'{"pin":"***"}'


def test_a_call_without_secrets_costs_microseconds() -> None:
    headers = [
        (b"accept", b"application/json"),
        (b"user-agent", b"shop/1.0"),
        (b"authorization", b"SecretKey abcdefgh"),
    ]
    body = json.dumps(
        {"order": [{"sku": f"A-{n}", "price": 10.5, "email": "bob@shop.example"} for n in range(20)]}
    ).encode()
    seconds = min(timeit.repeat(lambda: CallMasking(MASKER).mask(headers, body), number=200, repeat=5)) / 200
    assert seconds < 200e-6  # some 20 are usual; the rest is for busy machines
