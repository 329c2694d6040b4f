"""A link that a test can break: a TCP proxy to a server on this machine.

async with TcpProxy(server.target) as link:
    recognizer = RemoteRecognizer(SPEECHKIT_V2, link.target, tls=False)
    link.black_hole()      # nothing arrives any more, in either direction, and nothing is said about it
    link.heal()            # what was held back arrives
    link.reset()           # all connections are reset; new ones are taken
    await link.refuse()    # all connections are reset, new ones are refused
    await link.accept()    # taken again, on the same port
"""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self


class TcpProxy:
    """The link: an async context manager. `connections` counts what was ever accepted."""

    def __init__(self, upstream: str) -> None:
        self._host, _, port = upstream.rpartition(":")
        self._port = int(port)
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._clients = 0
        self._closed = asyncio.Condition()
        self.connections = 0
        self.target = "127.0.0.1:0"

    async def accept(self) -> None:
        """Take connections, after the first time on the same port."""
        host, _, port = self.target.rpartition(":")
        self._listener = await asyncio.start_server(self._connected, host, int(port))
        self.target = f"{host}:{self._listener.sockets[0].getsockname()[1]}"

    async def only(self, number: int) -> None:
        """Wait until no more than so many connections from clients are open."""
        async with self._closed:
            await self._closed.wait_for(lambda: self._clients <= number)

    def black_hole(self) -> None:
        """Hold back everything, in both directions; connections stay open and new ones are taken."""
        self._flowing.clear()

    def heal(self) -> None:
        """Let flow again, beginning with what was held back."""
        self._flowing.set()

    def reset(self) -> None:
        """Reset every connection (TCP RST)."""
        for writer in list(self._open):
            raw: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def refuse(self) -> None:
        """Reset every connection and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.reset()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._open.add(far_writer)
        self._clients += 1
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        self._pumps.update(pumps)
        await asyncio.gather(*pumps, return_exceptions=True)
        self._pumps.difference_update(pumps)
        async with self._closed:
            self._clients -= 1
            self._closed.notify_all()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        await self._flowing.wait()
        self._open.discard(sink)
        sink.close()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.refuse()
        for task in list(self._pumps):
            task.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
