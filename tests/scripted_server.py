"""A recogniser that says what a test tells it to: a real grpc.aio server with a service's one method.

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

It is of SpeechKit v2 unless another `contract` is given, such as `CONTRACT_V3`, whose `reply` sends each of its events
as a response; `tests/events_v3.py` makes them. What `partial` and `final` make is sent in the contract's own way, so
that a script that is about the connection serves all of them.

Returning ends the stream with OK, early or not. Give several scripts for several streams: the n-th stream runs the
n-th, and all after the last run the last. A script that fails an assertion fails the test when the server is left.
Nothing is read from a client unless the script reads it, so a server that stops reading is `await stream.stall()`.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc.aio
from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.proto import stt_service_v2_pb2 as pb
from captions.proto import stt_v3_pb2 as v3
from tests import events_v3

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


@dataclass(frozen=True)
class Contract:
    """A service as it is on the wire: its one method, and what is in its messages.

    `settings` is the field of the first request. `audio` returns the audio in a later one, given the settings, and
    `responses` the messages that say some things.
    """

    service: str
    method: str
    request: type[Message]
    response: type[Message]
    settings: str
    audio: Callable[[Any, Any], bytes]
    responses: Callable[[Sequence[Any]], Iterable[Message]] = field(repr=False)

    @property
    def path(self) -> str:
        """The gRPC path of the method."""
        return f"/{self.service}/{self.method}"


def _audio_of_v2(request: pb.StreamingRecognitionRequest, _: object) -> bytes:
    assert request.WhichOneof("streaming_request") == "audio_content", "a second settings message"
    return bytes(request.audio_content)


def _audio_of_v3(request: v3.StreamingRequest, settings: v3.StreamingOptions) -> bytes:
    """Silence is as many samples of 0."""
    kind = request.WhichOneof("Event")
    if kind == "silence_chunk":
        rate = settings.recognition_model.audio_format.raw_audio.sample_rate_hertz
        assert rate, "silence is told to a recogniser of samples only"
        assert request.silence_chunk.duration_ms > 0
        return bytes(2 * request.silence_chunk.duration_ms * rate // 1000)
    assert kind == "chunk", f"a message of kind {kind} where audio is due"
    return bytes(request.chunk.data)


def _chunks_of_v3(said: Sequence[Any]) -> Iterable[Message]:
    for one in said:
        yield from [one] if isinstance(one, v3.StreamingResponse) else events_v3.in_the_words_of(one)


CONTRACT_V2 = Contract(
    "yandex.cloud.ai.stt.v2.SttService",
    "StreamingRecognize",
    pb.StreamingRecognitionRequest,
    pb.StreamingRecognitionResponse,
    "config",
    _audio_of_v2,
    lambda chunks: [pb.StreamingRecognitionResponse(chunks=chunks)],
)
CONTRACT_V3 = Contract(
    "speechkit.stt.v3.Recognizer",
    "RecognizeStreaming",
    v3.StreamingRequest,
    v3.StreamingResponse,
    "session_options",
    _audio_of_v3,
    _chunks_of_v3,
)


class ServedStream:
    """One stream as the server sees it. What was read so far stays in its attributes."""

    def __init__(self, context: "grpc.aio.ServicerContext[Any, Any]", contract: Contract = CONTRACT_V2) -> None:
        self._context = context
        self._contract = contract
        self._unread = b""
        self.metadata = dict(context.invocation_metadata() or ())
        self.peer = context.peer()
        self.settings: Any = None
        """What the settings message holds: `RecognitionConfig` or `StreamingOptions`."""
        self.requests: list[Any] = []
        """Every message after the settings, in order."""
        self.messages: list[bytes] = []
        """Audio of each of them."""
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

    async def config(self) -> Any:
        """Read the settings message, which must come first, and return what it holds."""
        request = await self._context.read()
        assert isinstance(request, self._contract.request), "the client half-closed before its settings"
        assert request.HasField(self._contract.settings), "the first message is not the settings"
        self.settings = getattr(request, self._contract.settings)
        self.config_read.set()
        return self.settings

    async def message(self) -> bytes:
        """Read one message of audio; empty after the half-close."""
        if self.half_closed:
            return b""
        request = await self._context.read()
        if request is grpc.aio.EOF:
            self.half_closed = True
            return b""
        content = self._contract.audio(request, self.settings)
        self.requests.append(request)
        self.messages.append(content)
        self.arrivals.append(time.monotonic())
        return content

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

    async def reply(self, *said: Message) -> None:
        """Send one response with these chunks, or each event as a response."""
        for response in self._contract.responses(said):
            await self._context.write(response)

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
        contract: Contract = CONTRACT_V2,
        listen: str = "127.0.0.1:0",
        credentials: grpc.ServerCredentials | None = None,
        authorization: str | None = None,
    ) -> None:
        assert scripts, "a server needs at least one script"
        self._scripts = scripts
        self.contract = contract
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
            request_deserializer=self.contract.request.FromString,
            response_serializer=self.contract.response.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler(self.contract.service, {self.contract.method: handler})
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
        stream = ServedStream(context, self.contract)
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
