"""SttService of yandex.cloud.ai.stt.v2 over grpc.aio, answered by engines on this machine.

Any client of SpeechKit's streaming API v2 works against it unchanged. What differs from the service:

- The languages are those of the engines, all models are the same one, and `auto` means the first language.
- profanity_filter, raw_results and literature_text are taken and change nothing: text has the numbers, capitals and
  punctuation that the engine writes. Those that were asked for are named in the trailing metadata x-ignored-settings.
- `words` holds what the engine knows of times. Moonshine knows them for whole finals only, so each has one "word": its
  text, with the true start and end of the speech. The service leaves `words` empty, and its clients do not read them.
- confidence is not set: the service's carries no meaning either.
"""

import asyncio
import hmac
import logging
import time
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Self

import grpc
import grpc.aio

from captions.proto import stt_service_v2_pb2 as pb
from captions.server import refusals
from captions.server.engines import Engine, Heard
from captions.server.incoming import OPUS_BYTES_PER_SECOND, Incoming
from captions.server.limits import Limits
from captions.server.listening import Listening
from captions.server.refusals import Refusal
from captions.server.specification import Asked, check

LOG = logging.getLogger(__name__)
SERVICE = "yandex.cloud.ai.stt.v2.SttService"
SCHEMES = ("bearer", "api-key")
BEHIND_SECONDS = 0.5
"""With more audio than this waiting, a client sends faster than it speaks: partials are then worth little."""
SIGN_OF_LIFE_SECONDS = 1.0
"""How long such a client stays without a partial at most, so that it sees that something happens."""

Context = grpc.aio.ServicerContext[pb.StreamingRecognitionRequest, pb.StreamingRecognitionResponse]


class SttService:
    """The service. `token` is asked for where it is not empty. Belongs to one event loop."""

    def __init__(self, engines: Sequence[Engine], limits: Limits, token: str = "") -> None:
        self._engines = tuple(engines)
        self._limits = limits
        self._token = token.encode()
        self._opens: deque[float] = deque(maxlen=limits.opens_per_second or 1)
        self._taken: set[_Place] = set()
        self._closing = asyncio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what `grpc.aio.Server.add_generic_rpc_handlers` takes."""
        method = grpc.stream_stream_rpc_method_handler(
            self._streaming_recognize,
            request_deserializer=pb.StreamingRecognitionRequest.FromString,
            response_serializer=pb.StreamingRecognitionResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamingRecognize": method})

    def close(self) -> None:
        """Have every open stream finish what it heard, and end. New ones are refused."""
        self._closing.set()

    async def _streaming_recognize(self, _: object, context: Context) -> None:
        ids = ("x-request-id", str(uuid.uuid4())), ("x-server-trace-id", uuid.uuid4().hex)
        await context.send_initial_metadata(ids)
        incoming = Incoming(context, self._limits.idle_seconds, self._limits.idle_status, self._closing)
        try:
            self._check_token(context)
            self._count_open()
            asked = check(await incoming.settings(), self._engines, needs_folder=self._limits.needs_folder)
            if asked.unhonoured:
                context.set_trailing_metadata((("x-ignored-settings", ",".join(asked.unhonoured)),))
            await self._serve(context, incoming, asked)
        except Refusal as refusal:
            if refusal.code is not grpc.StatusCode.OK:
                # The ids go with the error again: a client that is still sending when it comes may miss the headers.
                await context.abort(refusal.code, refusal.details, (*ids, *context.trailing_metadata()))
        except Exception:
            if context.done():  # the client went away; there is nobody to tell
                return
            LOG.exception("a stream failed")
            fault = refusals.fault()
            await context.abort(fault.code, fault.details, ids)
        finally:
            incoming.stop()

    async def _serve(self, context: Context, incoming: Incoming, asked: Asked) -> None:
        most = asked.engine.capacity()
        if self._limits.max_streams:
            most = min(most, self._limits.max_streams)
        if len(self._taken) >= most:
            raise refusals.no_capacity(most)
        with _Place(self._taken) as place:
            listening = Listening(asked, self._limits.duration_seconds)
            try:
                await _Stream(context, incoming, listening, asked, self._limits, place).run()
            finally:
                listening.close()

    def _check_token(self, context: Context) -> None:
        if not self._token:
            return
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        scheme, _, given = metadata.get("authorization", "").partition(" ")
        if not hmac.compare_digest(given.strip().encode(), self._token) or scheme.lower() not in SCHEMES:
            raise refusals.token()

    def _count_open(self) -> None:
        most = self._limits.opens_per_second
        if not most:
            return
        now = time.monotonic()
        if len(self._opens) == most and now - self._opens[0] < 1.0:
            raise refusals.too_many_opens(most)
        self._opens.append(now)


class _Place:
    """One of the streams that the machine keeps up with; free again once no more audio is to be recognised."""

    def __init__(self, taken: "set[_Place]") -> None:
        self._taken = taken

    def __enter__(self) -> Self:
        self._taken.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def free(self) -> None:
        """Let another stream have it. Idempotent."""
        self._taken.discard(self)


class _Stream:
    """One accepted stream, from its first audio to its end."""

    def __init__(
        self,
        context: Context,
        incoming: Incoming,
        listening: Listening,
        asked: Asked,
        limits: Limits,
        place: _Place,
    ) -> None:
        self._context = context
        self._incoming = incoming
        self._listening = listening
        self._asked = asked
        self._limits = limits
        self._place = place
        self._over = False
        """Whether the one utterance of single_utterance has ended."""
        self._said_at = 0.0
        pcm = asked.encoding == pb.RecognitionSpec.LINEAR16_PCM
        self._bytes_per_second = asked.rate * 2 if pcm else OPUS_BYTES_PER_SECOND

    async def run(self) -> None:
        """Answer until the client or a limit ends the stream. Raises Refusal."""
        self._incoming.start(self._bytes_per_second)
        try:
            await self._hear_all()
            self._place.free()  # what is left to do is one reading: a client's next stream need not wait for it
            if self._incoming.refusal is not None:
                raise self._incoming.refusal
            if not self._over:
                await self._say(await self._listening.finish())
        except Refusal as refusal:
            if not self._over and (self._limits.deliver_pending or refusal.code is grpc.StatusCode.UNAVAILABLE):
                await self._say(await self._listening.pending())
            raise

    async def _hear_all(self) -> None:
        received = 0
        while (taken := await self._incoming.piece()) is not None:
            content, waiting = taken
            received += len(content)
            if self._limits.audio_bytes and received > self._limits.audio_bytes:
                raise refusals.too_many_bytes(self._limits.audio_bytes)
            if not self._over:
                await self._say(await self._listening.hear(content, partials=self._wants_partials(waiting)))

    def _wants_partials(self, waiting: int) -> bool:
        behind = waiting > BEHIND_SECONDS * self._bytes_per_second
        return self._asked.partial_results and (not behind or time.monotonic() - self._said_at > SIGN_OF_LIFE_SECONDS)

    async def _say(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            if self._over or not (one.final or self._asked.partial_results):
                continue
            self._said_at = time.monotonic()
            if one.end_of_utterance and self._asked.single_utterance:
                self._over = True
                self._place.free()
                self._incoming.expect_only_the_end(self._limits.duration_seconds)
            await self._context.write(pb.StreamingRecognitionResponse(chunks=[_chunk(one)]))


def _chunk(heard: Heard) -> pb.SpeechRecognitionChunk:
    alternative = pb.SpeechRecognitionAlternative(text=heard.text)
    for word in heard.words:
        info = alternative.words.add(word=word.text)
        info.start_time.seconds, info.start_time.nanos = _duration(word.start)
        info.end_time.seconds, info.end_time.nanos = _duration(word.end)
    return pb.SpeechRecognitionChunk(
        alternatives=[alternative], final=heard.final, end_of_utterance=heard.end_of_utterance
    )


def _duration(seconds: float) -> tuple[int, int]:
    """Seconds and nanoseconds, as google.protobuf.Duration has them."""
    return divmod(round(seconds * 1_000_000_000), 1_000_000_000)
