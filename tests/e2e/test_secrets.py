"""No secret is ever on disk, nor in what the server says: everything that it left behind is searched."""

import base64
import gzip
import json
import re
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest

from tests.e2e.conftest import (
    Upstream,
    call_id,
    echo,
    http_answer,
    records,
    started,
)
from tests.e2e.server import Answer, Calltrail

HANDLERS = """
def explode(call):
    data = call.data()
    raise RuntimeError(f"can't sign in as {data['login']} with {data['password']} and {call.request.presented_key}")


def explode_deep(call):
    try:
        explode(call)
    except RuntimeError as error:
        raise LookupError(str(call.request.headers)) from error


def refuse(call):
    from calltrail.domain.problems import InvalidInput, Problem
    raise InvalidInput([Problem(f"wrong password {call.data()['password']}", "/password")])


def tell(call):
    return {"newToken": call.data()["password"], "told": "you sent " + call.data()["password"]}
"""


def secret() -> str:
    """A secret with characters that every syntax escapes in its own way."""
    return f'S3cr+t/{uuid.uuid4().hex}="&<Ж>'


def plain_secret() -> str:
    return f"s3cr3t{uuid.uuid4().hex}"


@dataclass
class Sent:
    """What was sent, and what was answered."""

    secrets: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def keep(self, place: str, secret: str, answer: Answer) -> None:
        self.secrets[place] = secret
        self.answers[place] = answer


def _in_json(name: str, value: str) -> bytes:
    return json.dumps({"login": "ann", name: value, "after": "kept"}).encode()


def _multipart(name: str, value: str) -> bytes:
    return (
        f'--b0undary\r\nContent-Disposition: form-data; name="login"\r\n\r\nann\r\n'
        f'--b0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--b0undary--\r\n'
    ).encode()


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in text)


def send_in_bodies(server: Calltrail, sent: Sent) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    xml = {"Content-Type": "application/xml"}
    multipart = {"Content-Type": "multipart/form-data; boundary=b0undary"}
    text = {"Content-Type": "text/plain"}
    gzipped, brotlied = {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}

    def xml_of(value: str) -> str:
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    makers: dict[str, tuple[Callable[[str], bytes], dict[str, str]]] = {
        "JSON": (lambda s: _in_json("password", s), {}),
        "JSON in UTF-8": (lambda s: json.dumps({"password": s}, ensure_ascii=False).encode(), {}),
        "JSON name in capitals": (lambda s: _in_json("NewPassWord", s), {}),
        "JSON api_key": (lambda s: _in_json("api_key", s), {}),
        "JSON clientSecret": (lambda s: _in_json("clientSecret", s), {}),
        "JSON access-token": (lambda s: _in_json("access-token", s), {}),
        "JSON cardNumber": (lambda s: _in_json("cardNumber", s), {}),
        "JSON name in escapes": (
            lambda s: b'{"login":"ann","' + _escaped("password").encode() + b'":' + json.dumps(s).encode() + b"}",
            {},
        ),
        "JSON value in escapes": (lambda s: b'{"password":"' + _escaped(s).encode() + b'"}', {}),
        "JSON nested": (lambda s: json.dumps({"a": [{"b": {"credentials": {"password": s}}}]}).encode(), {}),
        "JSON list": (lambda s: json.dumps({"passwords": 1, "password": [s, {"x": s}]}).encode(), {}),
        "JSON in JSON": (lambda s: json.dumps({"payload": json.dumps({"password": s})}).encode(), {}),
        "JSON in JSON in JSON": (
            lambda s: json.dumps({"p": json.dumps({"p": json.dumps({"password": s})})}).encode(),
            {},
        ),
        "JSON twice": (
            lambda s: json.dumps({"password": s}).encode()[:-1] + b',"note":' + json.dumps(s).encode() + b"}",
            {},
        ),
        "JSON elsewhere first": (lambda s: json.dumps({"note": f"it is {s}!", "password": s}).encode(), {}),
        "JSON single-quoted": (lambda s: b"{'password': '" + s.replace("'", "").encode() + b"'}", {}),
        "JSON cut off": (lambda s: _in_json("password", s)[:-20], {}),
        "JSON cut within": (lambda s: b'{"password": "' + s.encode()[:30], {}),
        "JSON with a comma too many": (lambda s: b'{,"password": ' + json.dumps(s).encode() + b",}", {}),
        "JSON with comments": (lambda s: b'{/* "x" */ "password": /* y */ ' + json.dumps(s).encode() + b"} // z", {}),
        "JSON with spaces": (lambda s: b'{"password"\r\n\t :\n\n ' + json.dumps(s).encode() + b" }", {}),
        "JSON in UTF-16": (
            lambda s: json.dumps({"password": s}).encode("utf-16"),
            {"Content-Type": "application/json; charset=utf-16"},
        ),
        "JSON lines": (lambda s: b'{"a":1}\n' + json.dumps({"password": s}).encode() + b"\n", text),
        "JSON said to be a form": (lambda s: _in_json("password", s), form),
        "JSON behind a BOM": (lambda s: b"\xef\xbb\xbf" + _in_json("password", s), {}),
        "JSON with a bad byte": (lambda s: b'{"a":"\xff","password":' + json.dumps(s).encode() + b"}", {}),
        "JSON that is large": (
            lambda s: json.dumps({"pad": "x" * 300_000, "password": s, "more": "y" * 300_000}).encode(),
            {},
        ),
        "XML element": (lambda s: f"<operation><password>{xml_of(s)}</password></operation>".encode(), xml),
        "XML element with a prefix": (
            lambda s: f'<o xmlns:n="u"><n:Password a="1">{xml_of(s)}</n:Password></o>'.encode(),
            xml,
        ),
        "XML attribute": (lambda s: f'<o><user password="{xml_of(s).replace(chr(34), "&quot;")}"/></o>'.encode(), xml),
        "XML CDATA": (lambda s: f"<o><password><![CDATA[{s}]]></password></o>".encode(), xml),
        "XML cut off": (lambda s: f"<o><password>{xml_of(s)}".encode(), xml),
        "XML in references": (
            lambda s: ("<o><password>" + "".join(f"&#{ord(c)};" for c in s) + "</password></o>").encode(),
            xml,
        ),
        "XML in JSON": (lambda s: json.dumps({"xml": f"<o><password>{xml_of(s)}</password></o>"}).encode(), {}),
        "form": (lambda s: urllib.parse.urlencode({"login": "ann", "password": s, "x": "1"}).encode(), form),
        "form name in escapes": (lambda s: b"%70assword=" + urllib.parse.quote_plus(s).encode(), form),
        "form with brackets": (lambda s: urllib.parse.urlencode({"user[password]": s}).encode(), form),
        "form within JSON": (lambda s: json.dumps({"b": urllib.parse.urlencode({"password": s, "c": 1})}).encode(), {}),
        "multipart": (lambda s: _multipart("password", s), multipart),
        "multipart unsaid": (lambda s: _multipart("password", s), {}),
        "plain text": (lambda s: f"password: {s.replace(' ', '')}\nother: 1".encode(), text),
        "gzip": (lambda s: gzip.compress(_in_json("password", s), mtime=0), gzipped),
        "gzip uncompressed": (lambda s: gzip.compress(_in_json("password", s), compresslevel=0, mtime=0), gzipped),
        "gzip cut off": (lambda s: gzip.compress(_in_json("password", s), compresslevel=0, mtime=0)[:-9], gzipped),
        "gzip with garbage behind": (
            lambda s: gzip.compress(_in_json("password", s), compresslevel=0, mtime=0) + b"garbage",
            gzipped,
        ),
        "gzip that is none": (lambda s: _in_json("password", s), gzipped),
        "br": (lambda s: brotli.compress(_in_json("password", s)), brotlied),
        "an unknown coding": (lambda s: _in_json("password", s), {"Content-Encoding": "rot13"}),
        "a URL with a password": (lambda s: json.dumps({"u": f"ftp://ann:{s}@host/x"}).encode(), {}),
    }
    for name, (make, headers) in makers.items():
        for method in ("Website.Forward", "Website.Accept", "Website.Check", "Website.Unknown"):
            value = plain_secret() if name == "a URL with a password" else secret()
            place = f"{name} to {method}"
            sent.keep(place, value, server.call(method, make(value), headers=headers))


def send_in_headers(server: Calltrail, upstream: Upstream, sent: Sent) -> None:
    forms = {
        "wrong SecretKey": ("Authorization", "SecretKey {}"),
        "wrong Mindbox key": ("Authorization", 'Mindbox secretKey="{}"'),
        "bare Authorization": ("Authorization", "{}"),
        "Bearer": ("Authorization", "Bearer {}"),
        "Proxy-Authorization": ("Proxy-Authorization", "Basic {}"),
        "Cookie": ("Cookie", "theme=dark; session={}; x=1"),
        "X-Api-Key": ("X-Api-Key", "{}"),
        "X-Auth-Token": ("X-Auth-Token", "{}"),
        "X-Amz-Security-Token": ("X-Amz-Security-Token", "{}"),
        "X-CSRF-Token": ("X-CSRF-Token", "{}"),
        "Referer": ("Referer", "https://shop.example/?a=1&access_token={}&b=2"),
    }
    for name, (header, form) in forms.items():
        for method in ("Website.Forward", "Website.Accept", "Website.Unknown"):
            value = plain_secret()
            sent.keep(f"{name} to {method}", value, server.call(method, {}, headers={header: form.format(value)}))
    value = plain_secret()
    basic = base64.b64encode(f"ann:{value}".encode()).decode()
    authorization = {"Authorization": f"Basic {basic}"}
    sent.keep("Basic", value, server.call("Website.Accept", {"note": value}, headers=authorization))
    value = plain_secret()
    script = upstream.script(
        http_answer(
            json.dumps({"accessToken": value, "again": value}).encode(),
            [("Set-Cookie", f"sid={value}; HttpOnly"), ("X-Api-Key", value), ("Content-Type", "application/json")],
        )
    )
    sent.keep("answer of the upstream", value, server.call("Website.Forward", {}, headers=script))
    value = plain_secret()
    script = upstream.script(lambda received: http_answer(b"you said " + b" ".join(received.header(b"cookie"))))
    sent.keep(
        "echoed cookie", value, server.call("Website.Forward", {}, headers={**script, "Cookie": f"session={value}"})
    )
    for name, coding, pack in (("gzip", "gzip", gzip.compress), ("br", "br", brotli.compress)):
        value = secret()
        packed = pack(json.dumps({"token": value}).encode())
        script = upstream.script(http_answer(packed, [("Content-Encoding", coding)]))
        sent.keep(f"{name} answer", value, server.call("Website.Forward", {}, headers=script))
    value = secret()
    error = {"status": "ProtocolError", "errorMessage": f"wrong password {value}", "httpStatusCode": 400}
    script = upstream.script(http_answer(json.dumps(error).encode(), status="400 Bad"))
    sent.keep(
        "error message of the upstream", value, server.call("Website.Forward", {"password": value}, headers=script)
    )
    value = plain_secret()
    raw = f"HTTP/1.1 200 OK\r\nSet-Cookie: {value}\r\nbroken {value}\r\n\r\n".encode()
    garbage = upstream.script(raw, then_close=True)
    sent.keep("broken answer", value, server.call("Website.Forward", {"password": value}, headers=garbage))


def send_in_addresses(server: Calltrail, sent: Sent) -> None:
    for name in ("key", "apiKey", "secretKey", "access_token", "password", "sig"):
        for method in ("Website.Accept", "Website.Unknown", "Website.Forward"):
            value = secret()
            query = urllib.parse.urlencode({"endpointId": "demo.Website", "operation": method, name: value})
            path = f"/v3/operations/sync?{query}"
            key = {"Authorization": f"SecretKey {server.key}"}
            sent.keep(f"{name} in the query to {method}", value, server.request("POST", path, b"{}", key))
    value = plain_secret()
    path = f"/v3/operations/sync?endpointId=demo.Website&operation=Website.Accept&%6bey={value}&key={value}"
    sent.keep("key in the query in escapes", value, server.request("POST", path, b"{}"))
    value = plain_secret()
    path = f"/v3/operations/sync?endpointId=demo.Website&operation=Website.Accept&key={value}"
    sent.keep("key in the query of a GET", value, server.get(path))
    value = plain_secret()
    # A caller that mixes up its fields: the key that it presents is also where no key belongs.
    sent.keep(
        "key as device, transaction and method",
        value,
        server.call(value, {}, deviceUUID=value, transactionId=value, headers={"Authorization": f"SecretKey {value}"}),
    )
    value = plain_secret()
    sent.keep(
        "key as endpoint",
        value,
        server.call("Website.Accept", {}, endpoint=value, headers={"Authorization": f"SecretKey {value}"}),
    )


def send_to_steps(server: Calltrail, upstream: Upstream, sent: Sent) -> None:
    for method in ("explode", "explode_deep", "refuse", "tell", "Nowhere", "Note"):
        for mode in ("sync", "async"):
            value = secret()
            body = {"login": "ann", "password": value, "count": "x"}
            sent.keep(f"Website.{method} {mode}", value, server.call(f"Website.{method}", body, mode=mode))
    for name in ("passport_no", "PassportNo", "личный код", "ЛИЧНЫЙ КОД"):
        value = secret()
        script = upstream.script(echo)
        sent.keep(f"own field {name}", value, server.call("Website.Own", {name: value}, headers=script))
    value = secret()
    large = json.dumps({"password": value, "p": "x" * 2_000_000}).encode()
    sent.keep("too large", value, server.call("Website.Accept", large))
    value = secret()
    large = json.dumps({"p": "x" * 999_900, "password": value * 20}).encode()
    sent.keep("too large at its end", value, server.call("Website.Accept", large))
    value = plain_secret()
    large = json.dumps({"p": "x" * 199_950, "password": value * 20}).encode()
    sent.keep("cut by the log within the secret", value, server.call("Website.Forward", large))


@dataclass
class Aftermath:
    """What a stopped server left behind."""

    sent: Sent
    files: dict[str, bytes]
    log: dict[str, dict[str, Any]]
    """Records by the id of their call."""


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Aftermath:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "hostile_handlers.py").write_text(HANDLERS, "utf-8")
    sent = Sent()
    limits = {"CALLTRAIL_LARGEST_BODY_BYTES": "1000000", "CALLTRAIL_KEPT_BODY_BYTES": "200000"}
    with started(folder / "data", upstream, PYTHONPATH=str(folder), **limits) as server:
        sent.keep("good key", server.key, server.call("Website.Accept", {}))
        quoted = {"Authorization": f'Mindbox secretKey="{server.key}"'}
        sent.keep("good key in the older form", server.key, server.call("Website.Accept", {}, headers=quoted))
        send_in_bodies(server, sent)
        send_in_headers(server, upstream, sent)
        send_in_addresses(server, sent)
        send_to_steps(server, upstream, sent)
        report, _ = server.export("Exports.Whole", {"hasErrors": True})
        for number, url in enumerate([*report["exportResult"]["urls"], report["exportResult"]["manifestUrl"]]):
            sent.secrets[f"link {number}"] = url.split("/exports/")[1].split("/")[0]
        in_xml = server.call("Exports.Whole", {"exportId": report["exportId"]}, headers={"Accept": "application/xml"})
        sent.secrets["link in XML"] = in_xml.body.decode().split("/exports/")[1].split("/")[0]
        log = {record["OperationLogTransactionId"]: record for record in records(server)}
        running = _files(server.data)
        assert server.stop() == 0
        said = server.stderr.after_the_end()
        files = _files(server.data) | {f"{name} while it ran": content for name, content in running.items()}
    return Aftermath(sent, {**files, "stderr": said}, log)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


_RUN = re.compile(rb"[0-9a-f]{16,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{40,}")


def views(content: bytes) -> Iterator[bytes]:
    """The content as it is, and as it reads once a spelling of its letters is undone."""
    yield content
    if b"\0" in content:
        yield content.replace(b"\0", b"")
    for escape, base in ((rb"\\+u00([0-9a-fA-F]{2})", 16), (rb"&#0*([0-9]{2,3});", 10), (rb"%([0-9a-fA-F]{2})", 16)):
        yield re.sub(escape, lambda found, base=base: bytes([int(found[1], base) % 256]), content)  # type: ignore[misc]
    for run in _BASE64.findall(content):
        standard = run.replace(b"-", b"+").replace(b"_", b"/")
        for start in range(4):
            piece = standard[start:]
            yield base64.b64decode(piece[: len(piece) // 4 * 4])
    for run in re.findall(rb"(?:[0-9a-f]{2}){32,}", content):
        yield bytes.fromhex(run.decode())


def found_in(content: bytes, secrets: Mapping[str, str]) -> set[str]:
    """Places whose secret, or half of it, is in the content. A secret holds a run of hex digits that no other holds."""
    place_of = {_RUN.search(secret.encode())[0][:16]: place for place, secret in secrets.items()}  # type: ignore[index]
    found = set()
    for view in views(content):
        for run in _RUN.findall(view):
            found |= {place_of[run[at : at + 16]] for at in range(len(run) - 15) if run[at : at + 16] in place_of}
    return found


def test_no_secret_is_in_any_file_nor_in_what_the_server_says(aftermath: Aftermath) -> None:
    assert len(aftermath.sent.secrets) > 250
    assert {"journal.db", "registry.db", "stderr", "journal.db-wal while it ran"} <= set(aftermath.files)
    assert any(name.startswith("exports/") for name in aftermath.files)
    random = {place: value for place, value in aftermath.sent.secrets.items() if _RUN.search(value.encode())}
    ours = {place: value.encode() for place, value in aftermath.sent.secrets.items() if place not in random}
    assert set(ours) == {"good key", "good key in the older form", "link 0", "link 1", "link in XML"}
    found = {
        name: sorted(found_in(content, random) | {place for place, value in ours.items() if value in content})
        for name, content in aftermath.files.items()
    }
    leaks = [f"{name}: {', '.join(places)}" for name, places in found.items() if places]
    assert not leaks, "\n".join(leaks)


def test_the_search_finds_a_secret_however_it_is_spelled() -> None:
    value = secret()
    for spelled in (
        value.encode(),
        base64.b64encode(b"x" + value.encode()),
        base64.b64encode(b"xx" + value.encode()),
        value.encode("utf-16"),
        urllib.parse.quote(value).encode(),
        _escaped(value).encode(),
        "".join(f"&#{ord(char)};" for char in value).encode(),
        value.encode().hex().encode(),
        value[:-20].encode(),
    ):
        assert found_in(b"before " + spelled + b" after", {"here": value}) == {"here"}


def test_the_server_said_something_of_what_went_wrong(aftermath: Aftermath) -> None:
    assert b"steps-crashed" in aftermath.files["stderr"]


def test_every_call_was_answered_and_recorded(aftermath: Aftermath) -> None:
    answers = aftermath.sent.answers
    assert not [place for place, answer in answers.items() if call_id(answer) not in aftermath.log]
    crashed = {place: answer for place, answer in answers.items() if answer.status == 500}
    assert set(crashed) <= {"Website.explode sync", "Website.explode_deep sync", "broken answer"}


def _record(aftermath: Aftermath, place: str) -> dict[str, Any]:
    return aftermath.log[call_id(aftermath.sent.answers[place])]


def test_the_name_of_a_header_stays_beside_its_mask(aftermath: Aftermath) -> None:
    for place, line in {
        "good key": "authorization: SecretKey ***",
        "good key in the older form": "authorization: Mindbox ***",
        "Bearer to Website.Accept": "authorization: Bearer ***",
        "Cookie to Website.Forward": "cookie: theme=***; session=***; x=***",
        "X-Api-Key to Website.Accept": "x-api-key: ***",
        "Referer to Website.Forward": "referer: https://shop.example/?a=1&access_token=***&b=2",
    }.items():
        record = _record(aftermath, place)
        assert line in record["OperationLogRequestHeaders"].split("\n"), record["OperationLogRequestHeaders"]
        assert "headers" in record["OperationLogRequestMasked"].split(",")


def test_the_bytes_around_a_mask_are_unchanged(aftermath: Aftermath) -> None:
    for name, body in {
        "JSON": '{"login": "ann", "password": "***", "after": "kept"}',
        "JSON name in capitals": '{"login": "ann", "NewPassWord": "***", "after": "kept"}',
        "JSON name in escapes": f'{{"login":"ann","{_escaped("password")}":"***"}}',
        "JSON nested": '{"a": [{"b": {"credentials": "***"}}]}',
        "JSON twice": '{"password": "***","note":"***"}',
        "JSON elsewhere first": '{"note": "it is ***!", "password": "***"}',
        "JSON with spaces": '{"password"\r\n\t :\n\n "***" }',
        "XML element": "<operation><password>***</password></operation>",
        "XML element with a prefix": '<o xmlns:n="u"><n:Password a="***">***</n:Password></o>',
        "XML attribute": '<o><user password="***"/></o>',
        "form": "login=ann&password=***&x=1",
        "multipart": _multipart("password", "***").decode(),
        "gzip": '{"login": "ann", "password": "***", "after": "kept"}',
    }.items():
        record = _record(aftermath, f"{name} to Website.Forward")
        assert record["OperationLogRequestBody"] == body, name
        assert "body" in record["OperationLogRequestMasked"].split(","), name
        assert record["OperationLogRequestBodyTruncated"] is False, name
        assert record["OperationLogResponseMasked"] == "body", name


def test_masks_stand_in_addresses_errors_and_answers_too(aftermath: Aftermath) -> None:
    record = _record(aftermath, "apiKey in the query to Website.Accept")
    assert record["OperationLogUrl"].endswith("&apiKey=***")
    assert "url" in record["OperationLogRequestMasked"].split(",")
    record = _record(aftermath, "Website.explode sync")
    assert "can't sign in as ann with ***" in record["OperationLogErrorMessages"]
    assert "errors" in record["OperationLogResponseMasked"].split(",")
    record = _record(aftermath, "JSON to Website.Check")
    assert "***" in record["OperationLogErrorMessages"]
    assert record["OperationLogResponseMasked"] == "body,errors"
    record = _record(aftermath, "answer of the upstream")
    assert "set-cookie: sid=***; httponly" in record["OperationLogResponseHeaders"].lower()
    assert record["OperationLogResponseBody"] == '{"accessToken": "***", "again": "***"}'


def test_the_caller_gets_its_answer_unmasked(aftermath: Aftermath) -> None:
    answers, secrets = aftermath.sent.answers, aftermath.sent.secrets
    assert answers["JSON to Website.Forward"].json["password"] == secrets["JSON to Website.Forward"]
    assert answers["Website.tell sync"].json["newToken"] == secrets["Website.tell sync"]
    assert secrets["answer of the upstream"] in answers["answer of the upstream"].headers["set-cookie"]


def test_a_call_without_a_secret_is_flagged_as_unmasked_but_for_its_key(aftermath: Aftermath) -> None:
    record = _record(aftermath, "good key")
    assert record["OperationLogRequestMasked"] == "headers"
    assert "OperationLogResponseMasked" not in record
