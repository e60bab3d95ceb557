"""Links to exported files: capabilities that are signed, expire, and are bound to whoever asked for them."""

import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from itsdangerous import BadData, URLSafeSerializer

from calltrail.domain.access import Principal

_KEY_BYTES = 32


class LinkForged(Exception):
    """We never made this token."""


class LinkExpired(Exception):
    """The token was ours, and its time is over; `link` is what it said."""

    def __init__(self, link: "Link") -> None:
        super().__init__(f"The link expired at {link.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
        self.link = link


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says."""

    job_id: int
    file_name: str

    principal: Principal
    """Who asked for it."""

    expires_at: datetime
    """Whole seconds, aware UTC; from then on it is dead."""


class LinkSigner:
    """Mints and reads the tokens of links. Every process with the same secret reads what another minted."""

    def __init__(self, secret: bytes, expiry_s: int) -> None:
        self._tokens = token_serializer(secret, "calltrail.link.1")
        self._expiry_s = expiry_s

    def mint(self, job_id: int, file_name: str, principal: Principal, now: datetime) -> str:
        """A token of URL-safe characters."""
        return self._tokens.dumps([job_id, file_name, str(principal), int(now.timestamp()) + self._expiry_s])

    def read(self, token: str, now: datetime) -> Link:
        """What a token of ours says. Raises LinkForged and LinkExpired."""
        try:
            job_id, file_name, principal, expires_at = self._tokens.loads(token)
        except BadData:
            raise LinkForged("This link is not one of ours.") from None
        link = Link(job_id, file_name, Principal.parse(principal), datetime.fromtimestamp(expires_at, UTC))
        if now >= link.expires_at:
            raise LinkExpired(link)
        return link


def token_serializer(secret: bytes, purpose: str) -> URLSafeSerializer:
    """Signs JSON values; a token made for one purpose is forged for every other."""
    return URLSafeSerializer(
        secret, salt=purpose, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
    )


def link_url(base_url: str, token: str, file_name: str) -> str:
    return f"{base_url.rstrip('/')}/exports/{token}/{quote(file_name, safe='')}"


def signing_key(path: Path) -> bytes:
    """The secret in the file, which is made when it is missing: mode 0600, durable on return.

    Processes that ask at once get the same secret.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        key = file.read()
        if len(key) >= _KEY_BYTES:
            return key
        # It is new, or a crash left it half written, and then nobody has ever used it.
        key = secrets.token_bytes(_KEY_BYTES)
        file.seek(0)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)
    return key


def _sync_folder(folder: Path) -> None:
    """Make the names in it survive power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
