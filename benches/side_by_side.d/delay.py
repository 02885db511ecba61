"""delay.py PORT PAGE: on 127.0.0.1, /d/MS/anything is the file PAGE after MS milliseconds."""

import asyncio, sys
from pathlib import Path

BODY = Path(sys.argv[2]).read_bytes()
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
NONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Delay(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, b""

    def data_received(self, data):
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, _, self.read = self.read.partition(b"\r\n\r\n")
            if head.startswith(b"GET /d/"):
                asyncio.get_running_loop().call_later(int(head.split(b"/", 3)[2]) / 1000, self.answer)
            else:
                self.transport.write(NONE)

    def answer(self):
        if not self.transport.is_closing():
            self.transport.write(PAGE)


async def main():
    server = await asyncio.get_running_loop().create_server(Delay, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
