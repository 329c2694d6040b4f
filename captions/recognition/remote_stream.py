"""One stream of a recogniser at an address: a gRPC call, watched over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import grpc.aio
from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.errors import StreamError
from captions.recognition.connection import Caller, Connection
from captions.recognition.dialect import Conversation, Dialect
from captions.recognition.recognizer import Result

if TYPE_CHECKING:
    from captions.audio.ogg_opus import OggOpusEncoder

    Call = grpc.aio.StreamStreamCall[Any, Any]

SEND_SECONDS = 10.0
"""How long one block may wait to be taken by the connection of a server that does not read."""
RESULTS_KEPT = 1_000
"""How many results wait to be taken. When they are as many, no more is read from the service until some are taken;
HTTP/2's flow control makes the service wait, and nothing is lost."""


class RemoteStream:
    """One call. Made by `RemoteRecognizer.open`."""

    def __init__(
        self,
        dialect: Dialect,
        conversation: Conversation,
        connection: Connection,
        caller: Caller,
        metadata: Iterable[tuple[str, str]],
        encoder: "OggOpusEncoder | None",
        send_seconds: float,
    ) -> None:
        start = connection.channel.stream_stream(
            dialect.method,
            request_serializer=_serialized,
            response_deserializer=dialect.response.FromString,
        )
        self._call: Call = start(metadata=(*metadata, *conversation.metadata))
        self._call._cython_call = _OwnStatus(self._call._cython_call)  # type: ignore[attr-defined]
        self._dialect = dialect
        self._conversation = conversation
        self._connection = connection
        self._caller = caller
        self._encoder = encoder
        self._send_seconds = send_seconds
        self._heard: asyncio.Queue[Result | None] = asyncio.Queue(RESULTS_KEPT)
        self._error: StreamError | None = None
        self._half_closed = False
        self._cancelled = False
        connection.take()
        # Reading has a task of its own, because a read that is cancelled takes the whole call with it: so whoever
        # waits for a result may stop waiting. A dead link ends it through keepalive, anything else `cancel`.
        self._reading = asyncio.create_task(self._read())

    async def write_settings(self, connect_seconds: float) -> None:
        """Send the first message, once; it waits for the connection. Raises StreamError."""
        late = f"cannot reach {self._connection.endpoint} within {connect_seconds:g} s"
        writing = self._call.write(self._conversation.settings)
        await self._in_time(writing, connect_seconds, "UNAVAILABLE", late)

    async def send(self, samples: Samples) -> None:
        """Send audio at the rate of the stream's options.

        Raises StreamError once the stream has ended, also with OK, and when the server stops reading. A call of this
        that is cancelled while it waits ends the stream.
        """
        if self._cancelled:
            raise _dropped()
        if self._half_closed:
            raise RuntimeError("no audio may follow the half-close")
        if self._encoder is None:
            await self._write(*self._conversation.samples(samples))
        elif content := self._encoder.encode(samples):
            await self._write(self._conversation.audio(content))

    async def half_close(self) -> None:
        """Say that no more audio comes. Idempotent; what goes wrong comes with the results."""
        if self._half_closed or self._cancelled:
            return
        self._half_closed = True
        with contextlib.suppress(StreamError):
            if self._encoder is not None and (content := self._encoder.finish()):
                await self._write(self._conversation.audio(content))
            await self._taken(self._call.done_writing())

    async def results(self) -> AsyncIterator[Result]:
        """Yield what was heard, in order, until the service ends the stream, or `cancel`. Raises StreamError."""
        while (result := await self._heard.get()) is not None:
            yield result
        if self._error is not None and not self._cancelled:
            raise self._error

    async def cancel(self) -> None:
        """Drop the stream at once. Always called in the end: a call that is forgotten lives as long as its channel."""
        if self._cancelled:
            return
        self._cancelled = True
        self._call.cancel()
        self._reading.cancel()
        await asyncio.wait({self._reading})
        await self._call.code()
        while not self._heard.empty():
            self._heard.get_nowait()
        self._heard.put_nowait(None)
        # Whoever still holds the stream, such as an error's traceback, must not hold the call: with it, the TCP
        # connection of a closed channel would stay open until the garbage collector comes.
        del self._call
        await self._connection.let_go()

    async def _write(self, *messages: Message) -> None:
        for message in messages:
            await self._taken(self._call.write(message))

    async def _taken(self, operation: Coroutine[Any, Any, None]) -> None:
        late = f"{self._connection.endpoint} has not read for {self._send_seconds:g} s"
        await self._in_time(operation, self._send_seconds, "DEADLINE_EXCEEDED", late)

    async def _in_time(self, operation: Coroutine[Any, Any, None], seconds: float, code: str, late: str) -> None:
        """Finish an operation on the call; one that takes longer ends the stream with `code` and the text `late`."""
        task = asyncio.create_task(operation)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if not done:
                self._error = self._connection.verdict(code, late, self._caller, {})
        finally:
            if not task.done() and not self._cancelled:
                self._call.cancel()
            if not task.done():
                task.cancel()  # a write that waits for the connection goes on waiting after the call was cancelled
            await asyncio.gather(task, return_exceptions=True)
        if task.cancelled() or task.exception() is not None:
            # The exception of a write says only that the call has ended. Why, its status says.
            error = await self._verdict()
            raise error or StreamError("OK", "The recogniser has ended the stream.")

    async def _read(self) -> None:
        try:
            while (response := await self._call.read()) is not grpc.aio.EOF:
                if not isinstance(response, self._dialect.response):  # gRPC gives None for other bytes
                    text = f"what the recogniser answers is not a {self._dialect.service} response"
                    self._error = self._connection.verdict("INTERNAL", text, self._caller, {})
                    self._call.cancel()
                    break
                for result in self._conversation.heard(response):
                    await self._heard.put(result)
        except grpc.aio.AioRpcError:
            pass  # the verdict is in the call's status
        except asyncio.CancelledError:
            if self._cancelled:
                raise
        await self._verdict()
        for result in self._conversation.ended():
            await self._heard.put(result)
        await self._heard.put(None)

    async def _verdict(self) -> StreamError | None:
        """Return what ended the call, None for OK; waits for its end."""
        if self._cancelled:
            return _dropped()
        call = self._call
        code = await call.code()
        if self._error is None and code is not grpc.StatusCode.OK:
            metadata: dict[str, str] = {}
            for part in (await call.initial_metadata(), await call.trailing_metadata()):
                metadata.update((key, value) for key, value in part or () if isinstance(value, str))
            details = await call.details() or ""
            if self._error is None:
                self._error = self._connection.verdict(code.name, details, self._caller, metadata)
        return self._error


class _OwnStatus:
    """The inner call of grpc.aio, without a status that grpc.aio itself makes up.

    A write that fails because the service has just ended the call gives the call the status INTERNAL "Internal error
    from Core", if it comes before the service's own status, which is then lost. (Seen in 1.85.1; there is no
    public way around it.) Left alone, the write waits for the service's status, which is on its way.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def set_internal_error(self, details: str) -> None:
        """Make up no status."""


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _dropped() -> StreamError:
    return StreamError("CANCELLED", "The stream was dropped.")
