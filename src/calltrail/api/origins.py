"""Where a request comes from: from a page of ours, or from another site."""

from starlette.requests import Request


def is_same_origin(request: Request) -> bool:
    """Whether no other site made the browser send this. A client that is no browser tells neither header."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
