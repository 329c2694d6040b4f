"""SpeechKit's streaming API v2 over gRPC, and every server that speaks it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration

from captions.audio.block import Samples
from captions.errors import CredentialsError, StreamError
from captions.events import Word
from captions.plain_text import plain
from captions.proto import stt_service_v2_pb2 as pb
from captions.recognition.connection import KEEPALIVE_MS, Connection, read_authorities
from captions.recognition.credentials import Credentials
from captions.recognition.endpoint import SPEECHKIT, parse_endpoint
from captions.recognition.limits import SPEECHKIT_LIMITS, StreamLimits
from captions.recognition.recognizer import Encoding, Hypothesis, RecognitionOptions
from captions.settings import LANGUAGES

if TYPE_CHECKING:
    from captions.audio.ogg_opus import OggOpusEncoder

    Call = grpc.aio.StreamStreamCall[Any, pb.StreamingRecognitionResponse]

METHOD = "/yandex.cloud.ai.stt.v2.SttService/StreamingRecognize"
CONNECT_SECONDS = 10.0
"""How long a connection, TLS included, may take."""
SEND_SECONDS = 10.0
"""How long one block may wait to be taken by the connection of a server that does not read."""
HYPOTHESES_KEPT = 1_000
"""How many hypotheses wait to be taken. When they are as many, no more is read from the service until some are taken;
HTTP/2's flow control makes the service wait, and nothing is lost."""


class SpeechKitV2:
    """A recogniser at an address: HOST:PORT, or unix:PATH, which is never encrypted.

    The certificate is checked against the usual authorities, or those in the PEM file `ca_file`. Without `tls`,
    credentials are sent to this machine only; `find_credentials` reads them again after they were refused. Raises
    SettingError for an endpoint that is none. Belongs to one event loop.
    """

    def __init__(
        self,
        endpoint: str = SPEECHKIT,
        *,
        tls: bool = True,
        ca_file: str = "",
        credentials: Credentials | None = None,
        find_credentials: Callable[[], Credentials | None] | None = None,
        limits: StreamLimits = SPEECHKIT_LIMITS,
        name: str = "SpeechKit",
        connect_seconds: float = CONNECT_SECONDS,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self.name = name
        self.limits = limits
        self.languages: tuple[str, ...] = ("ru-RU", *(code for code in LANGUAGES if code != "ru-RU"))
        self._endpoint = parse_endpoint(endpoint)
        self._tls = tls and not self._endpoint.is_socket_file
        self._ca_file = ca_file if self._tls else ""
        self._credentials = credentials
        self._find_credentials = find_credentials
        self._connect_seconds = connect_seconds
        self._send_seconds = send_seconds
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def prepare(self) -> None:
        """See that credentials may be sent to the endpoint. Connects to nothing: the first stream does."""
        if self._credentials is not None and not self._tls and not self._endpoint.is_this_machine:
            raise CredentialsError(
                f"The credentials were not sent, because the connection to {self._endpoint} would not be encrypted.",
                "Turn on the setting tls, or unset API_KEY and IAM_TOKEN.",
            )

    async def open(self, options: RecognitionOptions) -> "SpeechKitV2Stream":
        """Begin a stream: connect where there is no connection, and send the settings.

        What the service says to them comes with the hypotheses. Raises StreamError, or CredentialsError where
        credentials must not go, or where `ca_file` cannot be used.
        """
        await self.prepare()
        encoder = None
        if options.audio_encoding is Encoding.OGG_OPUS:
            encoder = await asyncio.to_thread(_encoder, options.sample_rate_hertz)
        connection = await self._connected()
        client_request_id = str(uuid.uuid4())
        start = connection.channel.stream_stream(
            METHOD,
            request_serializer=pb.StreamingRecognitionRequest.SerializeToString,
            response_deserializer=pb.StreamingRecognitionResponse.FromString,
        )
        call: Call = start(metadata=self._metadata(client_request_id))
        call._cython_call = _OwnStatus(call._cython_call)  # type: ignore[attr-defined]
        stream = SpeechKitV2Stream(call, connection, client_request_id, encoder, self._send_seconds)
        try:
            await stream.write_settings(self._settings(options), self._connect_seconds)
        except BaseException:
            await stream.cancel()
            raise
        return stream

    async def renew(self) -> bool:
        """Read credentials again with `find_credentials`, off the loop; whether there are any to try."""
        if self._find_credentials is None or self._credentials is None:
            return False
        self._credentials = await asyncio.to_thread(self._find_credentials)
        if self._connection is not None:
            # The connection keeps the old secret out of errors, and would not know the new one.
            self._connection.failed = True
        return self._credentials is not None

    async def aclose(self) -> None:
        """Close the connection; open streams end. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.channel.close()

    async def _connected(self) -> Connection:
        async with self._connecting:
            previous = self._connection
            if previous is None or previous.failed:
                self._connection = Connection(
                    self._endpoint,
                    authorities=await asyncio.to_thread(read_authorities, self._ca_file) if self._ca_file else None,
                    tls=self._tls,
                    credentials=self._credentials,
                    connect_seconds=self._connect_seconds,
                    keepalive_ms=previous.keepalive_ms if previous else KEEPALIVE_MS,
                )
            assert self._connection is not None
            return self._connection

    def _metadata(self, client_request_id: str) -> tuple[tuple[str, str], ...]:
        metadata: tuple[tuple[str, str], ...] = (("x-client-request-id", client_request_id),)
        if self._credentials is not None:
            metadata += (("authorization", self._credentials.authorization),)
        return metadata

    def _settings(self, options: RecognitionOptions) -> pb.RecognitionConfig:
        specification = pb.RecognitionSpec(
            audio_encoding=options.audio_encoding,
            language_code=options.language_code,
            profanity_filter=options.profanity_filter,
            model=options.model,
            partial_results=options.partial_results,
            single_utterance=options.single_utterance,
            raw_results=options.raw_results,
            literature_text=options.literature_text,
        )
        if options.audio_encoding is Encoding.LINEAR16_PCM:
            specification.sample_rate_hertz = options.sample_rate_hertz
        # A service account has a folder of its own, and must not be sent another: only what was given goes.
        folder_id = options.folder_id or (self._credentials.folder_id if self._credentials else "")
        return pb.RecognitionConfig(specification=specification, folder_id=folder_id)


class SpeechKitV2Stream:
    """One StreamingRecognize call. Made by `SpeechKitV2.open`."""

    def __init__(
        self,
        call: "Call",
        connection: Connection,
        client_request_id: str,
        encoder: "OggOpusEncoder | None",
        send_seconds: float,
    ) -> None:
        self._call = call
        self._connection = connection
        self._client_request_id = client_request_id
        self._encoder = encoder
        self._send_seconds = send_seconds
        self._heard: asyncio.Queue[Hypothesis | None] = asyncio.Queue(HYPOTHESES_KEPT)
        self._error: StreamError | None = None
        self._half_closed = False
        self._cancelled = False
        connection.take()
        # Reading has a task of its own, because a read that is cancelled takes the whole call with it: so whoever
        # waits for a hypothesis may stop waiting. A dead link ends it through keepalive, anything else `cancel`.
        self._reading = asyncio.create_task(self._read())

    async def write_settings(self, settings: pb.RecognitionConfig, connect_seconds: float) -> None:
        """Send the first message, once; it waits for the connection. Raises StreamError."""
        late = f"cannot reach {self._connection.endpoint} within {connect_seconds:g} s"
        writing = self._call.write(pb.StreamingRecognitionRequest(config=settings))
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
        if self._encoder is not None:
            content = self._encoder.encode(samples)
        else:
            content = samples.astype("<i2", copy=False).tobytes()
        await self._send(content)

    async def half_close(self) -> None:
        """Say that no more audio comes. Idempotent; what goes wrong comes with the hypotheses."""
        if self._half_closed or self._cancelled:
            return
        self._half_closed = True
        with contextlib.suppress(StreamError):
            if self._encoder is not None:
                await self._send(self._encoder.finish())
            await self._taken(self._call.done_writing())

    async def hypotheses(self) -> AsyncIterator[Hypothesis]:
        """Yield what was heard, in order, until the service ends the stream, or `cancel`. Raises StreamError."""
        while (hypothesis := await self._heard.get()) is not None:
            yield hypothesis
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

    async def _send(self, content: bytes) -> None:
        if content:
            await self._taken(self._call.write(pb.StreamingRecognitionRequest(audio_content=content)))

    async def _taken(self, operation: Coroutine[Any, Any, None]) -> None:
        late = f"{self._connection.endpoint} has not read for {self._send_seconds:g} s"
        await self._in_time(operation, self._send_seconds, "DEADLINE_EXCEEDED", late)

    async def _in_time(self, operation: Coroutine[Any, Any, None], seconds: float, code: str, late: str) -> None:
        """Finish an operation on the call; one that takes longer ends the stream with `code` and the text `late`."""
        task = asyncio.create_task(operation)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if not done:
                self._error = self._connection.verdict(code, late, self._client_request_id, {})
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
                if not isinstance(response, pb.StreamingRecognitionResponse):  # gRPC gives None for other bytes
                    text = "what the recogniser answers is not a SpeechKit v2 response"
                    self._error = self._connection.verdict("INTERNAL", text, self._client_request_id, {})
                    self._call.cancel()
                    break
                for hypothesis in _hypotheses(response):
                    await self._heard.put(hypothesis)
        except grpc.aio.AioRpcError:
            pass  # the verdict is in the call's status
        except asyncio.CancelledError:
            if self._cancelled:
                raise
        await self._verdict()
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
                self._error = self._connection.verdict(code.name, details, self._client_request_id, metadata)
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


def _hypotheses(response: pb.StreamingRecognitionResponse) -> Iterator[Hypothesis]:
    """Yield what a response says: each of its chunks, in order, by its likeliest alternative.

    A chunk without alternatives that is neither final nor an end of utterance says nothing. A chunk that ends the
    utterance without being marked final is final all the same: nothing can change it any more.
    """
    for chunk in response.chunks:
        if chunk.alternatives:
            best = chunk.alternatives[0]
            words = tuple(
                Word(plain(word.word), _seconds(word.start_time), _seconds(word.end_time)) for word in best.words
            )
            text = plain(best.text).strip()
        elif chunk.final or chunk.end_of_utterance:
            text, words = "", ()
        else:
            continue
        yield Hypothesis(text, chunk.final or chunk.end_of_utterance, chunk.end_of_utterance, words)


def _dropped() -> StreamError:
    return StreamError("CANCELLED", "The stream was dropped.")


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def _encoder(rate: int) -> "OggOpusEncoder":
    from captions.audio.ogg_opus import OggOpusEncoder  # FFmpeg: only for those who ask for it

    return OggOpusEncoder(rate)
