"""The services that a session is tried with: what stands on a server's side of each recogniser.

A test that is about sessions and not about a service takes a `Tongue`, and holds for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import grpc

from captions.proto import stt_service_v2_pb2 as v2
from captions.proto import stt_service_vosk_pb2 as vosk
from captions.proto import stt_v3_pb2 as v3
from captions.recognition.dialect import Dialect
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from captions.recognition.vosk import VOSK
from captions.server.engines import Engine
from captions.server.limits import Limits
from captions.server.service import SttService
from tests.tone_code import ToneEngine
from tests.vosk_server import VoskService


@dataclass(frozen=True, slots=True)
class Settings:
    """The first message of a stream: what a second of its audio has in bytes, and whether they are samples."""

    bytes_a_second: int
    raw: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """A message that stands for so many seconds in which nothing was to be heard."""

    seconds: float


class Says(Enum):
    """What a response says."""

    PARTIAL = "partial"
    FINAL = "final"
    OTHER = "other"


class Tongue(Protocol):
    """What a service's server hears and says."""

    name: str
    dialect: Dialect

    def handler(self, engine: Engine, limits: Limits) -> grpc.GenericRpcHandler:
        """Return the service, with `engine` behind it."""
        ...

    def read(self, request: Any) -> Settings | bytes | Silence:
        """Return what a request carries."""
        ...

    def says(self, response: Any) -> Says:
        """Return what a response says."""
        ...

    def together(self, responses: Sequence[Any]) -> Sequence[Any]:
        """Return responses that come at the same moment, in as few messages as the service can."""
        ...

    def nothing(self) -> Any:
        """Return a response that says nothing."""
        ...


class _V2:
    """SpeechKit v2."""

    name = "v2"
    dialect: Dialect = SPEECHKIT_V2

    def handler(self, engine: Engine, limits: Limits) -> grpc.GenericRpcHandler:
        return SttService([engine], limits).handler()

    def read(self, request: v2.StreamingRecognitionRequest) -> Settings | bytes | Silence:
        if request.WhichOneof("streaming_request") == "config":
            specification = request.config.specification
            raw = specification.audio_encoding == v2.RecognitionSpec.LINEAR16_PCM
            return Settings(2 * specification.sample_rate_hertz if raw else 8_000, raw)
        return bytes(request.audio_content)

    def says(self, response: v2.StreamingRecognitionResponse) -> Says:
        if not response.chunks:
            return Says.OTHER
        return Says.FINAL if any(chunk.final for chunk in response.chunks) else Says.PARTIAL

    def together(
        self, responses: Sequence[v2.StreamingRecognitionResponse]
    ) -> Sequence[v2.StreamingRecognitionResponse]:
        return [v2.StreamingRecognitionResponse(chunks=[chunk for one in responses for chunk in one.chunks])]

    def nothing(self) -> v2.StreamingRecognitionResponse:
        return v2.StreamingRecognitionResponse()


class _V3:
    """SpeechKit v3, whose words all have times, and whose finals are refined."""

    name = "v3"
    dialect: Dialect = SPEECHKIT_V3

    def handler(self, engine: Engine, limits: Limits) -> grpc.GenericRpcHandler:
        return SttService([engine], limits).handler()

    def read(self, request: v3.StreamingRequest) -> Settings | bytes | Silence:
        match request.WhichOneof("Event"):
            case "session_options":
                audio = request.session_options.recognition_model.audio_format
                raw = audio.HasField("raw_audio")
                return Settings(2 * audio.raw_audio.sample_rate_hertz if raw else 8_000, raw)
            case "silence_chunk":
                return Silence(request.silence_chunk.duration_ms / 1000)
            case _:
                return bytes(request.chunk.data)

    def says(self, response: v3.StreamingResponse) -> Says:
        match response.WhichOneof("Event"):
            case "final":
                return Says.FINAL
            case "partial" if response.partial.alternatives:
                return Says.PARTIAL
            case _:
                return Says.OTHER

    def together(self, responses: Sequence[v3.StreamingResponse]) -> Sequence[v3.StreamingResponse]:
        return responses

    def nothing(self) -> v3.StreamingResponse:
        return v3.StreamingResponse()


class VoskTongue:
    """vosk-server, which has no limits, and whose finals have times."""

    name = "vosk"
    dialect: Dialect = VOSK

    def handler(self, engine: Engine, limits: Limits) -> grpc.GenericRpcHandler:
        return VoskService(engine).handler()

    def read(self, request: vosk.StreamingRecognitionRequest) -> Settings | bytes | Silence:
        if request.WhichOneof("streaming_request") == "config":
            return Settings(2 * request.config.specification.sample_rate_hertz, raw=True)
        return bytes(request.audio_content)

    def says(self, response: vosk.StreamingRecognitionResponse) -> Says:
        said = [chunk for chunk in response.chunks if chunk.alternatives[0].text]
        if not said:
            return Says.OTHER
        return Says.FINAL if any(chunk.final for chunk in said) else Says.PARTIAL

    def together(
        self, responses: Sequence[vosk.StreamingRecognitionResponse]
    ) -> Sequence[vosk.StreamingRecognitionResponse]:
        return [vosk.StreamingRecognitionResponse(chunks=[chunk for one in responses for chunk in one.chunks])]

    def nothing(self) -> vosk.StreamingRecognitionResponse:
        return vosk.StreamingRecognitionResponse()


@dataclass(frozen=True, slots=True)
class Service:
    """A service to be tried, and whether its words have times. `final_every` is as in `ToneEngine`."""

    name: str
    tongue: Tongue
    times: bool

    def engine(self, **how: Any) -> ToneEngine:
        """Return an engine that suits it."""
        return ToneEngine(times=self.times, **how)

    def __str__(self) -> str:
        return self.name


V2: Tongue = _V2()
V3: Tongue = _V3()
VOSK_SERVER: Tongue = VoskTongue()
UNTIMED = Service("v2 without word times", V2, times=False)
"""The cloud's v2."""
UNLIMITED = Service("vosk", VOSK_SERVER, times=True)
OTHERS = (Service("v3", V3, times=True), UNLIMITED)
SERVICES = (UNTIMED, Service("v2 with word times", V2, times=True), *OTHERS)
"""All of them. Of v2 there are two: the cloud's words have no times, those of other servers may."""
LIMITED = tuple(service for service in SERVICES if service is not UNLIMITED)
"""Those that end a stream that has had too much."""
