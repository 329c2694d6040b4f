"""Clients written against the .proto only, as anybody's would be, and the speech they send."""

import asyncio
import contextlib
import re
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.audio.mono import MonoResampler
from captions.proto import stt_service_v2_pb2 as pb

Call = grpc.aio.StreamStreamCall[Message, pb.StreamingRecognitionResponse]
METHOD = "/yandex.cloud.ai.stt.v2.SttService/StreamingRecognize"
ENOUGH_SECONDS = 30.0
"""No stream of a test takes longer."""


@cache
def speech(rate: int = 16_000, recording: str = "two_cities.wav") -> Samples:
    """Return a recording that the engine's package carries, 44 s of Dickens unless another is named."""
    package = find_spec("moonshine_voice")
    assert package is not None
    assert package.origin is not None
    with wave.open(str(Path(package.origin).parent / "assets" / recording)) as file:
        assert file.getnchannels() == 1
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
        return resampled(samples, file.getframerate(), rate)


def resampled(samples: Samples, rate: int, to: int) -> Samples:
    """Return the samples at another rate."""
    resampler = MonoResampler(to)
    return np.concatenate([resampler.convert_mono(samples, rate), resampler.flush()])


def seconds(start: float, end: float, rate: int = 16_000) -> Samples:
    """Return a part of the recording. The clauses of "It was the best of times" begin at 1.2, 3.0, 5.2, 6.7 s."""
    return speech(rate)[int(start * rate) : int(end * rate)]


def silence(duration: float, rate: int = 16_000) -> Samples:
    """Return digital silence."""
    return np.zeros(int(duration * rate), np.int16)


def words(text: str) -> list[str]:
    """Return the words without case and punctuation."""
    return re.findall(r"\w+", text.lower())


def config(**specification: object) -> pb.StreamingRecognitionRequest:
    """Return a settings message: English as 16 kHz PCM with partials, changed by `specification`."""
    given: dict[str, object] = {
        "language_code": "en-US",
        "audio_encoding": pb.RecognitionSpec.LINEAR16_PCM,
        "sample_rate_hertz": 16_000,
        "partial_results": True,
        **specification,
    }
    folder_id = given.pop("folder_id", "")
    spec = pb.RecognitionSpec(**given)  # type: ignore[arg-type]
    return pb.StreamingRecognitionRequest(config=pb.RecognitionConfig(specification=spec, folder_id=str(folder_id)))


def audio(content: bytes | Samples) -> pb.StreamingRecognitionRequest:
    """Return an audio message."""
    return pb.StreamingRecognitionRequest(audio_content=content if isinstance(content, bytes) else content.tobytes())


def messages(samples: Samples | bytes, size: int = 4_000) -> list[pb.StreamingRecognitionRequest]:
    """Return audio in messages of `size` bytes, as the service's examples send it."""
    content = samples if isinstance(samples, bytes) else samples.tobytes()
    return [audio(content[start : start + size]) for start in range(0, len(content), size)]


@dataclass
class Answer:
    """All that came back of one stream."""

    code: grpc.StatusCode
    details: str
    chunks: list[pb.SpeechRecognitionChunk]
    initial: dict[str, str] = field(default_factory=dict)
    trailing: dict[str, str] = field(default_factory=dict)

    @property
    def finals(self) -> list[pb.SpeechRecognitionChunk]:
        return [chunk for chunk in self.chunks if chunk.final]

    @property
    def partials(self) -> list[str]:
        return [chunk.alternatives[0].text for chunk in self.chunks if not chunk.final]

    @property
    def text(self) -> str:
        """The finals, joined."""
        return " ".join(chunk.alternatives[0].text for chunk in self.finals)


class Stream:
    """One stream, message by message."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def send(self, *requests: pb.StreamingRecognitionRequest) -> None:
        for request in requests:
            await self.call.write(request)

    async def next(self) -> pb.SpeechRecognitionChunk:
        """Return the next chunk; every response of this server has one."""
        response = await asyncio.wait_for(self.call.read(), ENOUGH_SECONDS)
        assert isinstance(response, pb.StreamingRecognitionResponse), "the stream ended"
        (chunk,) = response.chunks
        return chunk

    async def until_final(self) -> pb.SpeechRecognitionChunk:
        while not (chunk := await self.next()).final:
            pass
        return chunk

    async def half_close(self) -> None:
        await self.call.done_writing()

    async def end(self) -> Answer:
        """Read to the end."""
        chunks: list[pb.SpeechRecognitionChunk] = []
        with contextlib.suppress(grpc.aio.AioRpcError):
            async with asyncio.timeout(ENOUGH_SECONDS):
                while isinstance(response := await self.call.read(), pb.StreamingRecognitionResponse):
                    chunks += response.chunks
        code = await asyncio.wait_for(self.call.code(), ENOUGH_SECONDS)
        return Answer(
            code,
            await self.call.details() or "",
            chunks,
            {key: str(value) for key, value in await self.call.initial_metadata() or ()},
            {key: str(value) for key, value in await self.call.trailing_metadata() or ()},
        )


class Client:
    """A channel to a server."""

    def __init__(self, target: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self.target = target
        self.channel = (
            grpc.aio.insecure_channel(target) if credentials is None else grpc.aio.secure_channel(target, credentials)
        )

    def open(self, authorization: str = "") -> Stream:
        """Open a stream; nothing is sent yet."""
        method = self.channel.stream_stream(
            METHOD,
            request_serializer=pb.StreamingRecognitionRequest.SerializeToString,
            response_deserializer=pb.StreamingRecognitionResponse.FromString,
        )
        return Stream(method(metadata=(("authorization", authorization),) if authorization else ()))

    async def recognize(self, requests: Sequence[pb.StreamingRecognitionRequest], authorization: str = "") -> Answer:
        """Send all that, as fast as it is taken, half-close, and return what comes back.

        By blocking gRPC: grpc.aio forgets the server's status when the stream ends while it is still sending.
        """
        return await asyncio.to_thread(self._recognize, requests, authorization)

    def _recognize(self, requests: Sequence[pb.StreamingRecognitionRequest], authorization: str) -> Answer:
        with grpc.insecure_channel(self.target) as channel:
            method = channel.stream_stream(
                METHOD,
                request_serializer=pb.StreamingRecognitionRequest.SerializeToString,
                response_deserializer=pb.StreamingRecognitionResponse.FromString,
            )
            metadata = (("authorization", authorization),) if authorization else ()
            call = method(iter(requests), metadata=metadata, timeout=ENOUGH_SECONDS)
            chunks: list[pb.SpeechRecognitionChunk] = []
            with contextlib.suppress(grpc.RpcError):
                for response in call:
                    chunks += response.chunks
            return Answer(
                call.code(),
                call.details() or "",
                chunks,
                {key: str(value) for key, value in call.initial_metadata()},
                {key: str(value) for key, value in call.trailing_metadata()},
            )

    async def aclose(self) -> None:
        await self.channel.close()


async def paced(samples: Samples, rate: int = 16_000) -> AsyncIterator[pb.StreamingRecognitionRequest]:
    """Yield audio in blocks of 100 ms, at the pace of sound."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    block = rate // 10
    for start in range(0, len(samples), block):
        due = began + (start + block) / rate
        await asyncio.sleep(max(0.0, due - loop.time()))  # sound has its own time
        yield audio(samples[start : start + block])
