"""SttService of yandex.cloud.ai.stt.v2: its settings, its messages, its answers.

Any client of SpeechKit's streaming API v2 works against it unchanged. What differs from the service:

- The languages are those of the engines, all models are the same one, and `auto` means the first language where no
  engine finds out which is spoken.
- profanity_filter, raw_results and literature_text are taken and change nothing: text has the numbers, capitals and
  punctuation that the engine writes. Those that were asked for are named in the trailing metadata x-ignored-settings.
- `words` holds what the engine knows of times. Moonshine knows them for whole finals only, so each has one "word": its
  text, with the true start and end of the speech. The service leaves `words` empty, and its clients do not read them.
- confidence is not set: the service's carries no meaning either.
"""

from collections.abc import Sequence

from captions.proto import stt_service_v2_pb2 as pb
from captions.server import refusals
from captions.server.audio_decoders import OGG_OPUS, linear16_pcm
from captions.server.engines import Engine, Heard
from captions.server.protocol import Audio, Call
from captions.server.specification import Asked, check_folder, check_model, check_pcm, engine_for

SERVICE = "yandex.cloud.ai.stt.v2.SttService"
METHOD = "StreamingRecognize"
REQUEST = pb.StreamingRecognitionRequest
RESPONSE = pb.StreamingRecognitionResponse

DEFAULT_RATE = 48_000
"""What an unset sample_rate_hertz means."""
DEFAULT_LANGUAGE = "ru-RU"
"""What an unset language_code means."""
UNHONOURED = ("profanity_filter", "raw_results", "literature_text")
"""Settings that are taken and change nothing here: text comes as the engine writes it."""


def check(
    request: pb.StreamingRecognitionRequest | None, engines: Sequence[Engine], call: Call, *, needs_folder: bool
) -> Asked:
    """See SpeechProtocol. Unset values mean what the service takes them for: OGG_OPUS, 48000 Hz, ru-RU, general."""
    if request is None or request.WhichOneof("streaming_request") != "config":
        raise refusals.settings_first("config")
    check_folder(request.config.folder_id, needed=needs_folder)
    specification = request.config.specification
    encoding = specification.audio_encoding or pb.RecognitionSpec.OGG_OPUS
    if encoding not in (pb.RecognitionSpec.LINEAR16_PCM, pb.RecognitionSpec.OGG_OPUS):
        known = pb.RecognitionSpec.AudioEncoding.values()
        given = pb.RecognitionSpec.AudioEncoding.Name(encoding) if encoding in known else encoding
        raise refusals.value("audio_encoding", given, ("LINEAR16_PCM", "OGG_OPUS"))
    pcm = encoding == pb.RecognitionSpec.LINEAR16_PCM
    rate = specification.sample_rate_hertz or DEFAULT_RATE
    check_pcm(rate if pcm else DEFAULT_RATE, specification.audio_channel_count)
    check_model(specification.model)
    engine, language = engine_for([specification.language_code or DEFAULT_LANGUAGE], engines)
    return Asked(
        engine=engine,
        language=language,
        encoding=linear16_pcm(rate) if pcm else OGG_OPUS,
        partial_results=specification.partial_results,
        single_utterance=specification.single_utterance,
        unhonoured=tuple(name for name in UNHONOURED if getattr(specification, name)),
    )


def message(request: pb.StreamingRecognitionRequest, asked: Asked) -> Audio:
    """See SpeechProtocol."""
    match request.WhichOneof("streaming_request"):
        case "audio_content":
            return Audio(request.audio_content)
        case "config":
            raise refusals.settings_again("config")
        case _:
            raise refusals.empty_message("audio_content")


def answers(asked: Asked, call: Call) -> "Chunks":
    """See SpeechProtocol."""
    return Chunks()


class Chunks:
    """Tells each thing that was heard in a response with one chunk, and nothing else."""

    def begin(self) -> Sequence[pb.StreamingRecognitionResponse]:
        """See Answers."""
        return ()

    def took(self, position: float) -> Sequence[pb.StreamingRecognitionResponse]:
        """See Answers."""
        return ()

    def heard(self, heard: Heard, position: float) -> Sequence[pb.StreamingRecognitionResponse]:
        """See Answers."""
        alternative = pb.SpeechRecognitionAlternative(text=heard.text)
        for word in heard.words:
            info = alternative.words.add(word=word.text)
            info.start_time.seconds, info.start_time.nanos = _duration(word.start)
            info.end_time.seconds, info.end_time.nanos = _duration(word.end)
        chunk = pb.SpeechRecognitionChunk(
            alternatives=[alternative], final=heard.final, end_of_utterance=heard.end_of_utterance
        )
        return (pb.StreamingRecognitionResponse(chunks=[chunk]),)


def _duration(seconds: float) -> tuple[int, int]:
    """Seconds and nanoseconds, as google.protobuf.Duration has them."""
    return divmod(round(seconds * 1_000_000_000), 1_000_000_000)
