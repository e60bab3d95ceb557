"""A call under way: what arrived, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from calltrail.domain.access import Principal
from calltrail.domain.catalog import ApiMethod, IntegrationEndpoint
from calltrail.domain.headers import RawHeaders
from calltrail.services.codings import Ending, UnknownCoding, decode_content, entity_headers
from calltrail.services.wire import BodyTooLarge, UnreadableBody, UnsupportedMediaType, Wire


class CallMode(StrEnum):
    SYNC = "sync"
    ASYNC = "async"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """An HTTP request as it arrived, before anything is judged."""

    arrived_at: datetime
    mode: CallMode
    http_method: str

    url: str
    """Absolute."""

    parameters: Mapping[str, str]
    """Query parameters by their lower-case names; of repeats the first."""

    headers: RawHeaders
    body: bytes
    """As sent; when it is longer than the limit, the part that is kept for the log."""

    body_size_bytes: int
    """As sent, or as announced when the rest was not read."""

    is_body_too_large: bool
    client_address: str | None

    presented_key: str | None
    """The key of the Authorization header, in either of its forms."""

    base_url: str
    """Where the caller reached us, to build links: scheme and host, without a slash at the end."""

    def header(self, name: bytes) -> str | None:
        """The first header of that lower-case name."""
        for each, value in self.headers:
            if each.lower() == name:
                return value.decode("latin-1")
        return None


@dataclass(slots=True)
class Call:
    """A call that was let in."""

    id: str
    request: ReceivedRequest
    endpoint: IntegrationEndpoint
    method: ApiMethod
    principal: Principal
    wire: Wire

    largest_body_bytes: int

    _content: bytes | None = None
    _data: Any = None

    def content(self) -> bytes:
        """The body with its Content-Encoding undone. Raises RefusedBody."""
        if self._content is None:
            self._content = self._decoded()
        return self._content

    def data(self, *, is_lenient: bool = False) -> Any:
        """The body as data, read once. Raises RefusedBody."""
        if self._data is None:
            content_type = self.request.header(b"content-type")
            self._data = self.wire.read_body(self.content(), content_type, is_lenient=is_lenient)
        return self._data

    def _decoded(self) -> bytes:
        body = self.request.body
        _, coding = entity_headers(self.request.headers)
        if not body or not coding:
            return body
        try:
            decoded = decode_content(body, coding, self.largest_body_bytes)
        except UnknownCoding:
            message = f'A body in the Content-Encoding "{coding}" can\'t be read; send gzip, deflate, br or zstd.'
            raise UnsupportedMediaType(message) from None
        if decoded.ending is Ending.BOUND:
            raise BodyTooLarge(f"The decoded body has more than {self.largest_body_bytes} bytes.")
        if decoded.ending is not Ending.WHOLE:
            raise UnreadableBody(f"The body is not what its Content-Encoding, {coding}, says.")
        return decoded.content
