"""SpeechKit's streaming API v3, and every server that speaks it."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.errors import SettingError
from captions.events import Word
from captions.plain_text import plain
from captions.proto import stt_v3_pb2 as pb
from captions.recognition.dialect import Metadata
from captions.recognition.held_finals import HeldFinals, Said
from captions.recognition.limits import SPEECHKIT_LIMITS, StreamLimits
from captions.recognition.recognizer import Encoding, Hypothesis, RecognitionOptions, Remark, Result
from captions.settings import LANGUAGES

SILENCE = 1
"""The largest sample that silence has: that of a source that is off, and of silence that was encoded and decoded.

No more: a recogniser with a gain control of its own still understands speech that has no sample beyond 8.
"""

_log = logging.getLogger(__name__)


class SpeechKitV3:
    """The dialect: settings in the first message, then audio and silence; one event a response comes back."""

    kind = "speechkit-v3"
    service = "SpeechKit v3"
    method = "/speechkit.stt.v3.Recognizer/RecognizeStreaming"
    response: type[Message] = pb.StreamingResponse
    languages: tuple[str, ...] = ("ru-RU", *(code for code in LANGUAGES if code != "ru-RU"))
    limits: StreamLimits = SPEECHKIT_LIMITS

    def converse(self, options: RecognitionOptions, folder_id: str) -> "SpeechKitV3Conversation":
        """See Dialect."""
        return SpeechKitV3Conversation(options, folder_id)


SPEECHKIT_V3 = SpeechKitV3()


class SpeechKitV3Conversation:
    """One RecognizeStreaming call. Raises SettingError for a folder id that cannot be sent."""

    def __init__(self, options: RecognitionOptions, folder_id: str) -> None:
        if not all("!" <= character <= "~" for character in folder_id):
            raise SettingError(
                "The folder's id is not usable: it has spaces, or letters that no id has.", "Copy it again."
            )
        self.metadata: Metadata = (("x-folder-id", folder_id),) if folder_id else ()
        self.settings: Message = pb.StreamingRequest(session_options=_session_options(options))
        self._rate = options.sample_rate_hertz
        self._samples_sent = 0
        self._has_cursors = False
        self._finals = HeldFinals(
            # The service normalizes nothing where it finds out the language by itself.
            refines=not options.raw_results and "auto" not in (options.language_code, *options.more_languages),
            partials=options.partial_results,
            may_be_emptied=options.profanity_filter,
        )

    def audio(self, content: bytes) -> pb.StreamingRequest:
        """See Conversation."""
        return pb.StreamingRequest(chunk=pb.AudioChunk(data=content))

    def samples(self, samples: Samples) -> Iterator[pb.StreamingRequest]:
        """See Conversation. Silence is told by its length, which the service takes in whole milliseconds."""
        self._samples_sent += len(samples)
        milliseconds = len(samples) * 1000 // self._rate
        if milliseconds and _is_silent(samples):
            yield pb.StreamingRequest(silence_chunk=pb.SilenceChunk(duration_ms=milliseconds))
            samples = samples[milliseconds * self._rate // 1000 :]
        if len(samples):
            yield self.audio(samples.astype("<i2", copy=False).tobytes())

    def heard(self, response: Any) -> Sequence[Result]:
        """See Conversation. Events that are not known, or not asked for, say nothing."""
        cursors, finals = response.audio_cursors, self._finals
        if response.HasField("audio_cursors"):
            self._has_cursors = True
            finals.received(cursors.received_data_ms)
        elif not self._has_cursors:
            finals.received(self._samples_sent * 1000 // self._rate)
        told: list[Hypothesis] = []
        match response.WhichOneof("Event"):
            case "partial":
                return finals.partial(_said(response.partial.alternatives, cursors.final_time_ms))
            case "final":
                said = _said(response.final.alternatives, cursors.final_time_ms)
                told = finals.final(said, cursors.final_index)
            case "final_refinement":
                refined = _said(response.final_refinement.normalized_text.alternatives)
                told = finals.refined(refined.text, refined.language, response.final_refinement.final_index)
            case "eou_update":
                told = finals.utterance_ended(response.eou_update.time_ms or cursors.eou_time_ms)
            case "status_code":
                return [*_remarks(response.status_code), *finals.waited_for()]
        return told + finals.waited_for()

    def ended(self) -> Sequence[Result]:
        """See Conversation."""
        return self._finals.ended()


def _session_options(options: RecognitionOptions) -> pb.StreamingOptions:
    if options.audio_encoding is Encoding.LINEAR16_PCM:
        audio_format = pb.AudioFormatOptions(
            raw_audio=pb.RawAudio(
                audio_encoding=pb.RawAudio.LINEAR16_PCM,
                sample_rate_hertz=options.sample_rate_hertz,
                audio_channel_count=1,
            )
        )
    else:
        audio_format = pb.AudioFormatOptions(
            container_audio=pb.ContainerAudio(container_audio_type=pb.ContainerAudio.OGG_OPUS)
        )
    normalization = pb.TextNormalizationOptions
    languages = dict.fromkeys((options.language_code, *options.more_languages))
    eou = pb.DefaultEouClassifier
    return pb.StreamingOptions(
        recognition_model=pb.RecognitionModelOptions(
            model=options.model,
            audio_format=audio_format,
            text_normalization=normalization(
                text_normalization=normalization.TEXT_NORMALIZATION_DISABLED
                if options.raw_results
                else normalization.TEXT_NORMALIZATION_ENABLED,
                profanity_filter=options.profanity_filter,
                literature_text=options.literature_text,
            ),
            language_restriction=pb.LanguageRestrictionOptions(
                restriction_type=pb.LanguageRestrictionOptions.WHITELIST, language_code=languages
            ),
            audio_processing_type=pb.RecognitionModelOptions.REAL_TIME,
        ),
        eou_classifier=pb.EouClassifierOptions(
            default_classifier=eou(
                type=eou.HIGH if options.eou_sensitivity == "high" else eou.DEFAULT,
                max_pause_between_words_hint_ms=options.max_pause_ms,
            )
        ),
    )


def _is_silent(samples: Samples) -> bool:
    return bool(np.all((samples >= -SILENCE) & (samples <= SILENCE)))


def _said(alternatives: Sequence[pb.Alternative], until_ms: int = 0) -> Said:
    """Return what the likeliest alternative says; nothing where there is none."""
    if not alternatives:
        return Said(until_ms=until_ms or None)
    best = alternatives[0]
    words = tuple(Word(plain(word.text), word.start_time_ms / 1000, word.end_time_ms / 1000) for word in best.words)
    language = max(best.languages, key=lambda estimate: estimate.probability, default=None)
    return Said(
        plain(best.text).strip(),
        words,
        plain(language.language_code) if language is not None else "",
        until_ms or None,
    )


def _remarks(status: pb.StatusCode) -> Iterable[Remark]:
    """Yield what a status says to the person: nothing while all is well, or where it has no words."""
    message = plain(status.message).strip()
    if status.code_type in (pb.WARNING, pb.CLOSED):
        _log.debug("status %s: %s", pb.CodeType.Name(status.code_type), message)
        if message:
            yield Remark(message)
