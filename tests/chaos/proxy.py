"""A TCP proxy that can be cut: what a network partition looks like to both ends."""

import asyncio
from contextlib import suppress


class Proxy:
    """Forwards a port of its own to another one while it is whole."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self.whole = True
        self.stalled = asyncio.Event()
        self.stalled.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset all connections and accept none."""
        self.whole = False
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self.whole = True

    def stall(self) -> None:
        """Swallow everything silently: connections stay open and nothing comes through (a half-open link)."""
        self.stalled.clear()

    def flow(self) -> None:
        self.stalled.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._writers -= ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self.stalled.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
