"""Health: is the process there, and can it do its work."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from calltrail.services.ports import CallLog, CatalogStore, LogUnavailable


class Health:
    """What load balancers and supervisors ask."""

    def __init__(self, log: CallLog, catalog: CatalogStore) -> None:
        self._log = log
        self._catalog = catalog

    async def healthz(self, _: Request) -> JSONResponse:
        """200 as long as the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _: Request) -> JSONResponse:
        """200 when a call could be recorded now, else 503 with the reason."""
        self._catalog.current()
        try:
            await self._log.probe()
        except LogUnavailable as error:
            return JSONResponse({"status": "unavailable", "reason": str(error)}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "ready"})
