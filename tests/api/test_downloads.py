import base64
import gzip
import hashlib
from datetime import timedelta
from io import BytesIO

import pytest

from calltrail.domain.access import OWNERS, Permission, Principal, PrincipalKind
from calltrail.domain.audit import AuditAction
from calltrail.services.ports import StoredFile
from tests.api.site import CLERK, FILES_LIVE_FOR, LINKS_LIVE_FOR, OPERATOR, OWNER, PASSWORD, Site

DOWNLOADED, REFUSED = AuditAction.EXPORT_DOWNLOADED, AuditAction.EXPORT_REFUSED
PART = "calltrail-1-part-00001.csv"
DATA = b"\xef\xbb\xbfOperationLogTransactionId;OperationLogUrl\r\n" + b"1;/orders\r\n" * 100
SHA256 = hashlib.sha256(DATA)
ETAG = f'"{SHA256.hexdigest()}"'
BROWSER = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
KEYLESS = Principal(PrincipalKind.KEYLESS, "demo.Website")


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def link(site: Site) -> str:
    return site.link(site.export({PART: DATA}), PART)


async def test_a_bare_get_of_a_link_downloads_the_file(site: Site, link: str) -> None:
    response = await site.get(link)
    assert response.status == 200
    assert response.body == DATA
    assert response.headers["content-length"] == str(len(DATA))
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="{PART}"'
    assert response.headers["etag"] == ETAG
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["cache-control"] == "private, no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["repr-digest"] == f"sha-256=:{base64.b64encode(SHA256.digest()).decode()}:"


async def test_a_download_is_audited_with_who_and_what(site: Site, link: str) -> None:
    await site.get(link)
    entry = site.audited(DOWNLOADED)
    assert (entry.principal, entry.subject) == (str(site.key), "export 1")
    assert entry.details == {"file": PART, "range": f"0-{len(DATA) - 1}"}


@pytest.mark.parametrize("headers", [{}, {"accept_encoding": "gzip"}, {"range": "bytes=0-3"}])
async def test_a_head_tells_what_a_get_would_bring_and_is_no_download(
    site: Site, link: str, headers: dict[str, str]
) -> None:
    head = await site.head(link, **headers)
    assert not site.audit.entries(DOWNLOADED)
    get = await site.get(link, **{name: value for name, value in headers.items() if name != "range"})
    assert head.status == 200
    assert head.headers == get.headers
    assert ("content-length" in head.headers) == (headers.get("accept_encoding") is None)


async def test_the_manifest_is_downloaded_in_the_same_way(site: Site) -> None:
    job_id = site.export({PART: DATA})
    manifest = b'{"rows":100}'
    site.publish(job_id, "manifest.json", manifest)
    response = await site.get(site.link(job_id, "manifest.json"))
    assert response.body == manifest
    assert response.headers["content-type"] == "application/json"
    assert response.headers["etag"] == f'"{hashlib.sha256(manifest).hexdigest()}"'
    assert (await site.get(site.link(job_id, "manifest.json"), range="bytes=2-5")).body == b"rows"


async def test_a_file_larger_than_a_piece_arrives_whole(site: Site) -> None:
    data = bytes(range(256)) * 8192
    link = site.link(site.export({PART: data}), PART)
    assert (await site.get(link)).body == data
    assert gzip.decompress((await site.get(link, accept_encoding="gzip")).body) == data
    assert (await site.get(link, range="bytes=1000-1999999")).body == data[1000:2000000]


# Whose link, and who comes with it


async def refused(site: Site, path: str, status: int, reason: str, **headers: str) -> None:
    """The same refusal, with its reason, in JSON and as a page, each audited."""
    known = len(site.audit.entries(REFUSED))
    for method in ("GET", "HEAD"):
        assert (await site.request(method, path, headers=headers)).status == status
    answer = await site.get(path, **headers)
    assert answer.json()["error"]["message"].startswith(reason)
    page = await site.get(path, **headers, **BROWSER)
    assert page.status == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    entries = site.audit.entries(REFUSED)[known:]
    assert len(entries) == 4
    assert all(str(entry.details["reason"]).startswith(reason) for entry in entries)
    assert not site.audit.entries(DOWNLOADED)


async def test_a_link_of_a_principal_without_the_permission_asks_to_sign_in(site: Site) -> None:
    link = site.link(site.export({PART: DATA}), PART, minted_for=KEYLESS)
    await refused(site, link, 401, "Sign in")
    page = await site.get(link, **BROWSER)
    assert f'name="next" value="{link}"' in page.text
    assert page.headers["www-authenticate"].startswith("Cookie ")
    assert (await site.get(link, cookie=await site.cookie(OWNER))).body == DATA
    assert site.audited(DOWNLOADED).principal == f"staff:{OWNER}"


async def test_a_person_without_the_permission_is_refused_by_name(site: Site) -> None:
    link = site.link(site.export({PART: DATA}), PART, minted_for=KEYLESS)
    await refused(site, link, 403, CLERK, cookie=await site.cookie(CLERK))
    assert site.audit.entries(REFUSED)[-1].principal == f"staff:{CLERK}"


async def test_a_person_who_lost_the_permission_loses_it_within_a_session(site: Site) -> None:
    link = site.link(site.export({PART: DATA}), PART, minted_for=KEYLESS)
    cookie = await site.cookie(OWNER)
    site.access.add_staff("otto@example.com", PASSWORD, [OWNERS], OPERATOR)  # an Owner must stay
    site.staff.assign(OWNER, [])
    await refused(site, link, 403, OWNER, cookie=cookie)


async def test_a_disabled_person_opens_nothing_neither_by_their_session_nor_by_their_links(site: Site) -> None:
    job_id = site.export({PART: DATA})
    site.access.add_staff("otto@example.com", PASSWORD, [OWNERS], OPERATOR)
    cookie = await site.cookie("otto@example.com")
    link = site.link(job_id, PART, minted_for=Principal(PrincipalKind.STAFF, "otto@example.com"))
    assert (await site.head(link)).status == (await site.head(link, cookie=cookie)).status == 200
    site.people.disable("otto@example.com", OPERATOR)
    await refused(site, link, 401, "Sign in")
    await refused(site, link, 401, "Sign in", cookie=cookie)


async def test_a_program_with_an_api_token_downloads_as_its_person(site: Site) -> None:
    link = site.link(site.export({PART: DATA}), PART, minted_for=KEYLESS)
    token, secret = site.passes.create_token(OWNER, "nightly download", 7, OPERATOR)
    headers = {"authorization": f"Bearer {secret}"}
    assert (await site.get(link, **headers)).body == DATA
    assert site.audited(DOWNLOADED).principal == f"staff:{OWNER}"
    site.passes.revoke_token(OWNER, token.id, OPERATOR)
    assert (await site.get(link, **headers)).status == 401


async def test_a_person_without_the_permission_gets_what_anybody_would_by_a_bare_link(site: Site, link: str) -> None:
    assert (await site.get(link, cookie=await site.cookie(CLERK))).body == DATA
    assert site.audited(DOWNLOADED).principal == str(site.key)


async def test_links_of_an_endpoint_die_with_its_permission(site: Site, link: str) -> None:
    site.permit("demo.Website")
    await refused(site, link, 401, "Sign in")
    site.permit("demo.Website", Permission.INTEGRATION_LOGS_EXPORT)
    assert (await site.get(link)).status == 200


async def test_links_of_a_key_die_with_it(site: Site, link: str) -> None:
    site.catalog.revoke_key(1, site.now)
    await refused(site, link, 401, "Sign in")


async def test_links_of_a_person_die_with_their_permission(site: Site) -> None:
    link = site.link(site.export({PART: DATA}), PART, minted_for=Principal(PrincipalKind.STAFF, OWNER))
    assert (await site.head(link)).status == 200
    site.access.add_staff("otto@example.com", PASSWORD, [OWNERS], OPERATOR)  # an Owner must stay
    site.staff.assign(OWNER, [])
    await refused(site, link, 401, "Sign in")


async def test_without_bare_links_everybody_signs_in() -> None:
    site = Site(allow_bare_links=False)
    link = site.link(site.export({PART: DATA}), PART)
    await refused(site, link, 401, "Sign in")
    assert (await site.get(link, cookie=await site.cookie(OWNER))).body == DATA


async def test_an_expired_link_says_how_to_renew_it(site: Site, link: str) -> None:
    site.now += LINKS_LIVE_FOR
    await refused(site, link, 403, "This link has expired. Poll the export again to renew the link.")
    assert site.audit.entries(REFUSED)[-1].principal == str(site.key)
    assert (await site.get(site.link(1, PART))).status == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "WzEsMl0.c2lnbmF0dXJl", "%00", "%C3%A9", "%2E%2E"])
async def test_a_forged_link_is_refused(site: Site, link: str, token: str) -> None:
    await refused(site, f"/exports/{token}/{PART}", 403, "This link is not valid.")
    entry = site.audit.entries(REFUSED)[-1]
    assert (entry.principal, entry.subject) == ("anonymous", "")


async def test_a_link_opens_only_the_file_it_was_minted_for(site: Site) -> None:
    job_id = site.export({PART: DATA, "other.csv": b"other"})
    path = site.link(job_id, PART).replace(PART, "other.csv")
    await refused(site, path, 403, "This link is for another file.")


@pytest.mark.parametrize("name", ["calltrail-1-part-00002.csv", "manifest.json", "..", ".hidden", "größe.csv"])
async def test_a_file_that_was_never_published_is_not_found(site: Site, name: str) -> None:
    job_id = site.export({PART: DATA})
    await refused(site, site.link(job_id, name), 404, "There is no such file.")


async def test_a_file_beside_the_export_is_not_found_though_it_lies_there(site: Site) -> None:
    job_id = site.export({PART: DATA})
    site.publish(job_id, "stray.csv", b"stray")
    await refused(site, site.link(job_id, "stray.csv"), 404, "There is no such file.")


async def test_an_unknown_export_is_not_found(site: Site) -> None:
    await refused(site, site.link(99, PART), 404, "There is no such export.")


async def test_files_that_have_expired_are_gone_before_and_after_they_are_deleted(site: Site) -> None:
    job_id = site.export({PART: DATA})
    site.now += FILES_LIVE_FOR - timedelta(seconds=1)
    assert (await site.head(site.link(job_id, PART))).status == 200
    site.now += timedelta(seconds=1)
    await refused(site, site.link(job_id, PART), 410, "The files of this export have expired.")
    assert site.jobs.mark_expired(job_id)
    site.files.delete(job_id)
    await refused(site, site.link(job_id, PART), 410, "The files of this export have expired.")


async def test_nothing_is_sent_when_the_download_cannot_be_audited(
    site: Site, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = BytesIO(DATA)
    monkeypatch.setattr(site.files, "open", lambda job_id, name: StoredFile(content, len(DATA)))

    def refuse(entry: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site.audit, "add", refuse)
    with pytest.raises(OSError, match="No space"):
        await site.get(link)
    assert content.closed
