"""What a client sends after its settings, taken in no faster than it is recognised."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc.aio

from captions.server import refusals
from captions.server.protocol import Audio, EndOfUtterance, Silence
from captions.server.refusals import Refusal

PIECE_SECONDS = 1.0
"""Longest piece of audio that is recognised in one go, in seconds of LINEAR16_PCM."""
WAITING_SECONDS = 4.0
"""Seconds of audio that wait to be recognised. With as much, no more is read from the client until some is taken:
HTTP/2's flow control makes it wait, however fast it sends. A message is taken whole (gRPC allows 4 MB), so it may be
more by one."""

Piece = Audio | Silence | EndOfUtterance


class Incoming:
    """Reads one stream's messages in a task of its own and hands them out in pieces.

    It ends with the client's half-close, with what is wrong with a message, when nothing came for `idle_seconds` (0 for
    never), or when `closing` is set. `refusal` then says why; None for the half-close.
    """

    def __init__(
        self,
        context: "grpc.aio.ServicerContext[Any, Any]",
        idle_seconds: float,
        idle_status: str,
        closing: asyncio.Event,
    ) -> None:
        self.refusal: Refusal | None = None
        self._context = context
        self._bytes_per_second = 0
        self._idle_seconds = idle_seconds
        self._idle_status = idle_status
        self._closing = asyncio.create_task(closing.wait())
        self._pieces: deque[Piece] = deque()
        self._waiting = 0.0
        self._ended = False
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def first(self) -> Any:
        """Return the first message; None where the client ended the stream before it. Raises Refusal."""
        request = await self._next()
        if self.refusal is not None:
            raise self.refusal
        return request

    def start(self, message: Callable[[Any], Piece], bytes_per_second: int) -> None:
        """Begin to read messages, which `message` understands or refuses, with audio of so many bytes a second."""
        self._bytes_per_second = bytes_per_second
        self._task = asyncio.create_task(self._read(message))

    async def piece(self) -> tuple[Piece, float] | None:
        """Return the next piece and how many seconds of audio wait behind it; None at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._pieces or self._ended)
            if not self._pieces:
                return None
            piece = self._pieces.popleft()
            if isinstance(piece, Silence) and piece.seconds > PIECE_SECONDS:
                self._pieces.appendleft(Silence(piece.seconds - PIECE_SECONDS))
                piece = Silence(PIECE_SECONDS)
            self._waiting -= self._seconds(piece)
            self._changed.notify_all()
            return piece, self._waiting

    def expect_only_the_end(self, seconds: float) -> None:
        """Let the client be idle for so long from now on (0 for ever): it is only to end the stream."""
        self._idle_seconds = seconds

    def stop(self) -> None:
        """Read no more. Idempotent."""
        self._closing.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _read(self, message: Callable[[Any], Piece]) -> None:
        try:
            while (request := await self._next()) is not None:
                await self._put(message(request))
        except Refusal as refusal:
            self.refusal = refusal
        finally:
            async with self._changed:
                self._ended = True
                self._changed.notify_all()

    async def _put(self, piece: Piece) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting < WAITING_SECONDS)
            if isinstance(piece, Audio):
                most = int(self._bytes_per_second * PIECE_SECONDS)
                for start in range(0, len(piece.content), most):
                    self._pieces.append(Audio(piece.content[start : start + most]))
            else:
                self._pieces.append(piece)
            self._waiting += self._seconds(piece)
            self._changed.notify_all()

    def _seconds(self, piece: Piece) -> float:
        match piece:
            case Audio(content):
                return len(content) / self._bytes_per_second
            case Silence(seconds):
                return seconds
            case EndOfUtterance():
                return 0.0

    async def _next(self) -> Any:
        """Return the next message; None at the end, with `refusal` set where it is not the client's half-close."""
        reading = asyncio.ensure_future(self._context.read())
        # A read cannot be cancelled without the whole call. It ends with the call, and what it says then is of no use.
        reading.add_done_callback(lambda read: read.cancelled() or read.exception())
        while not reading.done():
            seconds = self._idle_seconds
            done, _ = await asyncio.wait(
                {reading, self._closing}, timeout=seconds or None, return_when=asyncio.FIRST_COMPLETED
            )
            if self._closing in done and not reading.done():
                self.refusal = refusals.closing()
                return None
            if not done and seconds == self._idle_seconds:
                self.refusal = refusals.idle(self._idle_status, seconds)
                return None
        request = reading.result()
        return None if request is grpc.aio.EOF else request
