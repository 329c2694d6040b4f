"""A recogniser that says what a test tells it to: a real grpc.aio server with the service's one method.

A script is an async function of a `ServedStream`, run once for each stream that a client opens:

    async def script(stream: ServedStream) -> None:
        await stream.config()                      # the settings message
        await stream.audio(16_000)                 # wait for a second of audio
        await stream.reply(partial("hello"))       # one response with one chunk
        await stream.reply(final("hello world", end_of_utterance=True), final("again"))
        await stream.reply()                       # a response without chunks
        await stream.until_half_close()
        await stream.abort(grpc.StatusCode.INTERNAL, "out of compute", {"x-request-id": "r"})

    async with ScriptedServer(script) as server:
        recognizer = RemoteRecognizer(SPEECHKIT_V2, server.target, tls=False)
        ...
        assert server.streams[0].received == samples.tobytes()

Returning ends the stream with OK, early or not. Give several scripts for several streams: the n-th stream runs the
n-th, and all after the last run the last. A script that fails an assertion fails the test when the server is left.
Nothing is read from a client unless the script reads it, so a server that stops reading is `await stream.stall()`.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc.aio

from captions.audio.block import Samples
from captions.proto import stt_service_v2_pb2 as pb

WordTimes = Sequence[tuple[str, float, float]]
"""Words with start and end in seconds of the stream's audio."""


def partial(*alternatives: str) -> pb.SpeechRecognitionChunk:
    """Return a chunk that may change."""
    return pb.SpeechRecognitionChunk(alternatives=[pb.SpeechRecognitionAlternative(text=text) for text in alternatives])


def final(text: str, *, end_of_utterance: bool = False, words: WordTimes = ()) -> pb.SpeechRecognitionChunk:
    """Return a chunk that will not change."""
    alternative = pb.SpeechRecognitionAlternative(text=text)
    for word, start, end in words:
        info = alternative.words.add(word=word)
        info.start_time.FromMilliseconds(round(start * 1000))
        info.end_time.FromMilliseconds(round(end * 1000))
    return pb.SpeechRecognitionChunk(alternatives=[alternative], final=True, end_of_utterance=end_of_utterance)


class ServedStream:
    """One stream as the server sees it. What was read so far stays in its attributes."""

    def __init__(self, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        self._context = context
        self._unread = b""
        self.metadata = dict(context.invocation_metadata() or ())
        self.peer = context.peer()
        self.settings: pb.RecognitionConfig | None = None
        self.messages: list[bytes] = []
        """Audio of each message, in order."""
        self.arrivals: list[float] = []
        """Monotonic time at which each of `messages` was read, in seconds."""
        self.half_closed = False
        self.config_read = asyncio.Event()
        self.ended = asyncio.Event()
        """Set when the script has ended, or the client has gone."""

    @property
    def received(self) -> bytes:
        """All audio read so far."""
        return b"".join(self.messages)

    async def config(self) -> pb.RecognitionConfig:
        """Read the settings message, which must come first."""
        request = await self._context.read()
        assert isinstance(request, pb.StreamingRecognitionRequest), "the client half-closed before its settings"
        assert request.WhichOneof("streaming_request") == "config", "the first message is not the settings"
        self.settings = request.config
        self.config_read.set()
        return request.config

    async def message(self) -> bytes:
        """Read one message of audio; empty after the half-close."""
        if self.half_closed:
            return b""
        request = await self._context.read()
        if request is grpc.aio.EOF:
            self.half_closed = True
            return b""
        assert request.WhichOneof("streaming_request") == "audio_content", "a second settings message"
        self.messages.append(request.audio_content)
        self.arrivals.append(time.monotonic())
        return bytes(request.audio_content)

    async def audio(self, samples: int) -> Samples:
        """Read the next `samples` samples of LINEAR16_PCM; fewer, or none, when the client half-closes before."""
        while len(self._unread) < samples * 2 and (content := await self.message()):
            self._unread += content
        taken, self._unread = self._unread[: samples * 2], self._unread[samples * 2 :]
        return np.frombuffer(taken, "<i2")

    async def until_half_close(self) -> bytes:
        """Read until the client half-closes, and return what came from now on."""
        first = len(self.messages)
        while await self.message():
            pass
        return b"".join(self.messages[first:])

    async def reply(self, *chunks: pb.SpeechRecognitionChunk) -> None:
        """Send one response with these chunks."""
        await self._context.write(pb.StreamingRecognitionResponse(chunks=chunks))

    async def send_initial_metadata(self, metadata: Mapping[str, str]) -> None:
        """Send the response's headers now, before any reply."""
        await self._context.send_initial_metadata(tuple(metadata.items()))

    async def abort(self, code: grpc.StatusCode, details: str, trailing: Mapping[str, str] | None = None) -> None:
        """End the stream with an error; does not return."""
        await self._context.abort(code, details, tuple((trailing or {}).items()))

    async def stall(self) -> None:
        """Do nothing until the client gives up; does not return."""
        await asyncio.Event().wait()


Script = Callable[[ServedStream], Awaitable[None]]


class ScriptedServer:
    """The server: an async context manager.

    `listen` is an address with port 0 for a free port, or `unix:PATH`; `target` is where clients reach it.
    `credentials` turns on TLS. With `authorization` set, streams whose header differs are refused as the service does.
    """

    def __init__(
        self,
        *scripts: Script,
        listen: str = "127.0.0.1:0",
        credentials: grpc.ServerCredentials | None = None,
        authorization: str | None = None,
    ) -> None:
        assert scripts, "a server needs at least one script"
        self._scripts = scripts
        self._listen = listen
        self._credentials = credentials
        self._authorization = authorization
        self._server: grpc.aio.Server | None = None
        self._began = asyncio.Condition()
        self._failures: list[BaseException] = []
        self.target = listen
        self.streams: list[ServedStream] = []
        """Every stream so far, in the order in which they began."""

    async def stream(self, number: int) -> ServedStream:
        """Wait for the stream of this number, counted from 0."""
        async with self._began:
            await self._began.wait_for(lambda: len(self.streams) > number)
        return self.streams[number]

    async def start(self) -> None:
        """Listen. Called again after `stop`, it listens on the same port as before."""
        self._server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=pb.StreamingRecognitionRequest.FromString,
            response_serializer=pb.StreamingRecognitionResponse.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler(
            "yandex.cloud.ai.stt.v2.SttService", {"StreamingRecognize": handler}
        )
        self._server.add_generic_rpc_handlers((service,))
        if self._credentials is None:
            port = self._server.add_insecure_port(self.target)
        else:
            port = self._server.add_secure_port(self.target, self._credentials)
        if not self.target.startswith("unix:"):
            self.target = f"{self._listen.rpartition(':')[0]}:{port}"
        await self._server.start()

    async def stop(self, grace: float | None = None) -> None:
        """Stop listening and drop open streams; with `grace`, let them go on for so many seconds first."""
        if self._server is not None:
            await self._server.stop(grace)
            self._server = None

    async def _serve(self, _: object, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        stream = ServedStream(context)
        script = self._scripts[min(len(self.streams), len(self._scripts) - 1)]
        async with self._began:
            self.streams.append(stream)
            self._began.notify_all()
        try:
            if self._authorization is not None and stream.metadata.get("authorization") != self._authorization:
                await stream.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is invalid")
            await script(stream)
        except (AssertionError, TypeError, ValueError, AttributeError, LookupError) as failure:
            self._failures.append(failure)
            raise
        finally:
            stream.ended.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
        if self._failures and error is None:
            raise self._failures[0]
