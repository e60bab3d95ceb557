"""A tiny upstream that accepts every order: `python -m bench.upstream PORT`."""

import asyncio
import sys
from typing import cast

import uvloop

_BODY = b'{"status":"Success","order":{"processingStatus":"Created","ids":{"mindboxId":1234567890}}}'
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if blank and len(body) >= int(length or 0):
            self._received = b""
            self._transport.write(_ANSWER)


async def _serve(port: int) -> None:
    listener = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", port)
    await listener.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
