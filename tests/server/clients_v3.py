"""A client of v3 written against the .proto only, beside the one of v2 in clients.py."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from captions.audio.block import Samples
from captions.proto import stt_v3_pb2 as pb
from tests.server.clients import ENOUGH_SECONDS, Client

Metadata = tuple[tuple[str, str], ...]
METHOD = "/speechkit.stt.v3.Recognizer/RecognizeStreaming"
NORMALIZED = pb.TextNormalizationOptions(
    text_normalization=pb.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED, literature_text=True
)
EXTERNAL = pb.EouClassifierOptions(external_classifier=pb.ExternalEouClassifier())


def raw(rate: int = 16_000) -> pb.AudioFormatOptions:
    """Return LINEAR16_PCM at a rate."""
    return pb.AudioFormatOptions(
        raw_audio=pb.RawAudio(audio_encoding=pb.RawAudio.LINEAR16_PCM, sample_rate_hertz=rate, audio_channel_count=1)
    )


def contained(kind: pb.ContainerAudio.ContainerAudioType) -> pb.AudioFormatOptions:
    """Return a container."""
    return pb.AudioFormatOptions(container_audio=pb.ContainerAudio(container_audio_type=kind))


def only(*codes: str) -> pb.LanguageRestrictionOptions:
    """Return a restriction to these languages."""
    return pb.LanguageRestrictionOptions(restriction_type=pb.LanguageRestrictionOptions.WHITELIST, language_code=codes)


def all_but(*codes: str) -> pb.LanguageRestrictionOptions:
    """Return a restriction to other languages."""
    return pb.LanguageRestrictionOptions(restriction_type=pb.LanguageRestrictionOptions.BLACKLIST, language_code=codes)


def options(session: dict[str, Any] | None = None, **model: Any) -> pb.StreamingRequest:
    """Return a settings message: English as 16 kHz PCM, changed by `model` and the other options of the `session`."""
    given = {"audio_format": raw(), "language_restriction": only("en-US"), **model}
    return pb.StreamingRequest(
        session_options=pb.StreamingOptions(recognition_model=pb.RecognitionModelOptions(**given), **session or {})
    )


def chunk(content: bytes | Samples) -> pb.StreamingRequest:
    """Return an audio message."""
    return pb.StreamingRequest(chunk=pb.AudioChunk(data=content if isinstance(content, bytes) else content.tobytes()))


def chunks(content: bytes | Samples, size: int = 4_000) -> list[pb.StreamingRequest]:
    """Return audio in messages of `size` bytes, as the service's examples send it."""
    content = content if isinstance(content, bytes) else content.tobytes()
    return [chunk(content[start : start + size]) for start in range(0, len(content), size)]


def silence_of(seconds: float) -> pb.StreamingRequest:
    """Return a message that says that there is silence."""
    return pb.StreamingRequest(silence_chunk=pb.SilenceChunk(duration_ms=round(seconds * 1000)))


END_OF_UTTERANCE = pb.StreamingRequest(eou=pb.Eou())


@dataclass
class Told:
    """All that came back of one stream."""

    code: grpc.StatusCode
    details: str
    responses: list[pb.StreamingResponse]
    initial: dict[str, str] = field(default_factory=dict)
    trailing: dict[str, str] = field(default_factory=dict)

    def events(self, *kinds: str) -> list[pb.StreamingResponse]:
        """Return the responses with one of these events."""
        return [response for response in self.responses if response.WhichOneof("Event") in kinds]

    @property
    def order(self) -> str:
        """A letter for each event: Status, Empty partial, Partial, Final, Refinement, end of Utterance."""
        return "".join(map(letter, self.responses))

    @property
    def finals(self) -> list[pb.Alternative]:
        return [response.final.alternatives[0] for response in self.events("final")]

    @property
    def refinements(self) -> list[pb.Alternative]:
        told = self.events("final_refinement")
        return [response.final_refinement.normalized_text.alternatives[0] for response in told]

    @property
    def ends(self) -> list[int]:
        """Where utterances ended, in milliseconds."""
        return [response.eou_update.time_ms for response in self.events("eou_update")]

    @property
    def text(self) -> str:
        return " ".join(final.text for final in self.finals)

    @property
    def words(self) -> list[pb.Word]:
        return [word for final in self.finals for word in final.words]


def letter(response: pb.StreamingResponse) -> str:
    """Return the letter of a response's event: see Told.order."""
    match response.WhichOneof("Event"):
        case "partial":
            return "p" if response.partial.alternatives else "e"
        case "eou_update":
            return "u"
        case kind:
            return {"status_code": "s", "final": "f", "final_refinement": "r"}[str(kind)]


class StreamV3:
    """One stream, message by message."""

    def __init__(self, client: Client, **metadata: str) -> None:
        method = client.channel.stream_stream(
            METHOD,
            request_serializer=pb.StreamingRequest.SerializeToString,
            response_deserializer=pb.StreamingResponse.FromString,
        )
        self.call = method(metadata=_metadata(metadata))

    async def send(self, *requests: pb.StreamingRequest) -> None:
        for request in requests:
            await self.call.write(request)

    async def until(self, event: str) -> list[pb.StreamingResponse]:
        """Return the responses up to the next with this event, which is the last of them."""
        responses: list[pb.StreamingResponse] = []
        while not responses or responses[-1].WhichOneof("Event") != event:
            response = await asyncio.wait_for(self.call.read(), ENOUGH_SECONDS)
            assert isinstance(response, pb.StreamingResponse), "the stream ended"
            responses.append(response)
        return responses

    async def half_close(self) -> None:
        await self.call.done_writing()

    async def end(self) -> Told:
        """Read to the end."""
        responses: list[pb.StreamingResponse] = []
        with contextlib.suppress(grpc.aio.AioRpcError):
            async with asyncio.timeout(ENOUGH_SECONDS):
                while isinstance(response := await self.call.read(), pb.StreamingResponse):
                    responses.append(response)
        code = await asyncio.wait_for(self.call.code(), ENOUGH_SECONDS)
        return Told(code, await self.call.details() or "", responses)


async def recognize(client: Client, requests: Iterable[pb.StreamingRequest], **metadata: str) -> Told:
    """Send all that, as fast as it is taken, half-close, and return what comes back.

    By blocking gRPC: grpc.aio forgets the server's status when the stream ends while it is still sending.
    """
    return await asyncio.to_thread(_recognize, client.target, iter(requests), _metadata(metadata))


def _recognize(target: str, requests: Iterator[pb.StreamingRequest], metadata: Metadata) -> Told:
    with grpc.insecure_channel(target) as channel:
        method = channel.stream_stream(
            METHOD,
            request_serializer=pb.StreamingRequest.SerializeToString,
            response_deserializer=pb.StreamingResponse.FromString,
        )
        call = method(requests, metadata=metadata, timeout=ENOUGH_SECONDS)
        responses: list[pb.StreamingResponse] = []
        with contextlib.suppress(grpc.RpcError):
            responses.extend(call)
        return Told(
            call.code(),
            call.details() or "",
            responses,
            {key: str(value) for key, value in call.initial_metadata()},
            {key: str(value) for key, value in call.trailing_metadata()},
        )


def _metadata(given: dict[str, str]) -> Metadata:
    return tuple((key.replace("_", "-"), value) for key, value in given.items())
