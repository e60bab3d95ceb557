"""Room for bodies in memory: whoever finds none waits, and the socket is not read meanwhile."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """Bytes that those who hold some share; waiting is first come, first served."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._free_bytes = most_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def held(self, size_bytes: int) -> AsyncIterator[None]:
        """Room for `size_bytes`, or for all there is when that is less, as long as the block runs."""
        wanted_bytes = min(size_bytes, self._most_bytes)
        await self._take(wanted_bytes)
        try:
            yield
        finally:
            self._give_back(wanted_bytes)

    async def _take(self, wanted_bytes: int) -> None:
        if not self._waiting and wanted_bytes <= self._free_bytes:
            self._free_bytes -= wanted_bytes
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(wanted_bytes)
            raise

    def _give_back(self, size_bytes: int) -> None:
        self._free_bytes += size_bytes
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self._free_bytes):
            wanted_bytes, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free_bytes -= wanted_bytes
                turn.set_result(None)
