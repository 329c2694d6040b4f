"""SpeechKit's streaming API v2, and every server that speaks it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.events import Word
from captions.plain_text import plain
from captions.proto import stt_service_v2_pb2 as pb
from captions.recognition.dialect import Metadata
from captions.recognition.limits import SPEECHKIT_LIMITS, StreamLimits
from captions.recognition.recognizer import Encoding, Hypothesis, RecognitionOptions, Result
from captions.settings import LANGUAGES

if TYPE_CHECKING:
    from captions.proto import stt_service_vosk_pb2 as vosk


class SpeechKitV2:
    """The dialect: settings in the first message, then audio; chunks with flags come back."""

    kind = "speechkit-v2"
    service = "SpeechKit v2"
    method = "/yandex.cloud.ai.stt.v2.SttService/StreamingRecognize"
    response: type[Message] = pb.StreamingRecognitionResponse
    languages: tuple[str, ...] = ("ru-RU", *(code for code in LANGUAGES if code != "ru-RU"))
    limits: StreamLimits = SPEECHKIT_LIMITS

    def converse(self, options: RecognitionOptions, folder_id: str) -> "SpeechKitV2Conversation":
        """See Dialect."""
        return SpeechKitV2Conversation(options, folder_id)


SPEECHKIT_V2 = SpeechKitV2()


class SpeechKitV2Conversation:
    """One StreamingRecognize call."""

    metadata: Metadata = ()

    def __init__(self, options: RecognitionOptions, folder_id: str) -> None:
        self.settings: Message = _settings(options, folder_id)

    def audio(self, content: bytes) -> Message:
        """See Conversation."""
        return pb.StreamingRecognitionRequest(audio_content=content)

    def samples(self, samples: Samples) -> Iterable[Message]:
        """See Conversation."""
        return [self.audio(samples.astype("<i2", copy=False).tobytes())] if len(samples) else []

    def heard(self, response: Any) -> Sequence[Result]:
        """See Conversation."""
        return list(hypotheses(response))

    def ended(self) -> Sequence[Result]:
        """See Conversation. Nothing is ever held back."""
        return ()


def _settings(options: RecognitionOptions, folder_id: str) -> pb.StreamingRecognitionRequest:
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
    config = pb.RecognitionConfig(specification=specification, folder_id=folder_id)
    return pb.StreamingRecognitionRequest(config=config)


def hypotheses(
    response: "pb.StreamingRecognitionResponse | vosk.StreamingRecognitionResponse",
) -> Iterator[Hypothesis]:
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


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
