"""Recognizer of speechkit.stt.v3: its settings and its messages. What it answers is in events_v3.py.

Any client of SpeechKit's streaming API v3 works against it unchanged. What differs from the service:

- The languages are those of the engines, and all models are the same one. A restriction to several languages goes to
  an engine that finds out which is spoken, where there is one, and means the first of them where there is none. Without
  a restriction all languages that are served are meant.
- What only the service has (classifiers, analysis of speech, summaries, telling speakers apart, its filter of
  profanity, results of all data at once) is taken and changes nothing. What was asked for is named in the trailing
  metadata x-ignored-settings. What the service refuses is refused: telling speakers apart in real time.
- Numbers are written as the engine writes them, in raw text too.
- Of a sensitivity HIGH without a hint for pauses, `HIGH_SILENCE` is made.
"""

import math
from collections.abc import Sequence
from typing import Any

from captions.proto import stt_v3_pb2 as pb
from captions.server import refusals
from captions.server.audio_decoders import MP3, OGG_OPUS, WAV, Encoding, linear16_pcm
from captions.server.engines import Engine
from captions.server.events_v3 import Events
from captions.server.protocol import Audio, Call, EndOfUtterance, Silence
from captions.server.specification import Asked, check_folder, check_model, check_pcm, engine_for, served

SERVICE = "speechkit.stt.v3.Recognizer"
METHOD = "RecognizeStreaming"
REQUEST = pb.StreamingRequest
RESPONSE = pb.StreamingResponse

CONTAINERS: dict[int, Encoding] = {
    pb.ContainerAudio.WAV: WAV,
    pb.ContainerAudio.OGG_OPUS: OGG_OPUS,
    pb.ContainerAudio.MP3: MP3,
}
HIGH_SILENCE = 0.25
"""Seconds of silence that end an utterance with the sensitivity HIGH: half of what is usual here. The service's own
figures are not published."""
SHORTEST_SILENCE = 0.1
"""Seconds that a hint for pauses counts as at least: silence is told from speech no finer."""
LONGEST_HINT_MS = 60_000
LONGEST_SILENCE_MS = 3_600_000
"""Milliseconds of silence that one message may tell; a stream may have far less in all."""


def check(request: pb.StreamingRequest | None, engines: Sequence[Engine], call: Call, *, needs_folder: bool) -> Asked:
    """See SpeechProtocol. The folder is in the call's metadata; unset values mean normalisation off, real time."""
    if request is None or request.WhichOneof("Event") != "session_options":
        raise refusals.settings_first("session_options")
    check_folder(call.metadata.get("x-folder-id", ""), needed=needs_folder)
    options = request.session_options
    model = options.recognition_model
    check_model(model.model)
    encoding = _audio(model.audio_format)
    full_data = _one_of(model, "audio_processing_type") == pb.RecognitionModelOptions.FULL_DATA
    labelled = (
        _one_of(options.speaker_labeling, "speaker_labeling") == pb.SpeakerLabelingOptions.SPEAKER_LABELING_ENABLED
    )
    if labelled and not full_data:
        raise refusals.only_with("speaker_labeling", "audio_processing_type FULL_DATA")
    normalization = model.text_normalization
    normalized = _one_of(normalization, "text_normalization") == pb.TextNormalizationOptions.TEXT_NORMALIZATION_ENABLED
    engine, language = _language(model.language_restriction, engines)
    asked_in_vain = {
        "profanity_filter": normalization.profanity_filter,
        "literature_text": normalization.literature_text and not normalized,
        "phone_formatting_mode": _one_of(normalization, "phone_formatting_mode") != 0,
        "audio_processing_type": full_data,
        "recognition_classifier": len(options.recognition_classifier.classifiers) > 0,
        "speech_analysis": options.speech_analysis != pb.SpeechAnalysisOptions(),
        "speaker_labeling": labelled,
        "summarization": options.summarization != pb.SummarizationOptions(),
    }
    return Asked(
        engine=engine,
        language=language,
        encoding=encoding,
        end_silence=_end_silence(options.eou_classifier),
        refinement=normalized,
        literature_text=normalization.literature_text,
        unhonoured=tuple(name for name, asked in asked_in_vain.items() if asked),
    )


def message(request: pb.StreamingRequest, asked: Asked) -> Audio | Silence | EndOfUtterance:
    """See SpeechProtocol."""
    match request.WhichOneof("Event"):
        case "chunk":
            return Audio(request.chunk.data)
        case "silence_chunk":
            duration = request.silence_chunk.duration_ms
            if not 0 <= duration <= LONGEST_SILENCE_MS:
                raise refusals.out_of_range("silence_chunk.duration_ms", duration, 0, LONGEST_SILENCE_MS)
            return Silence(duration / 1000)
        case "eou":
            if not asked.ended_by_client:
                raise refusals.only_with("eou", "external_classifier")
            return EndOfUtterance()
        case "session_options":
            raise refusals.settings_again("session_options")
        case _:
            raise refusals.empty_message("chunk", "silence_chunk", "eou")


def answers(asked: Asked, call: Call) -> Events:
    """See SpeechProtocol."""
    return Events(asked, call)


def _audio(given: pb.AudioFormatOptions) -> Encoding:
    match given.WhichOneof("AudioFormat"):
        case "raw_audio":
            raw = given.raw_audio
            if _one_of(raw, "audio_encoding") != pb.RawAudio.LINEAR16_PCM:
                raise refusals.setting_missing("audio_encoding", ("LINEAR16_PCM",))
            check_pcm(raw.sample_rate_hertz, raw.audio_channel_count)
            return linear16_pcm(raw.sample_rate_hertz)
        case "container_audio":
            kind = _one_of(given.container_audio, "container_audio_type")
            if kind not in CONTAINERS:
                raise refusals.setting_missing("container_audio_type", ("WAV", "OGG_OPUS", "MP3"))
            return CONTAINERS[kind]
        case _:
            raise refusals.setting_missing("audio_format", ("raw_audio", "container_audio"))


def _language(given: pb.LanguageRestrictionOptions, engines: Sequence[Engine]) -> tuple[Engine, str]:
    kind = _one_of(given, "restriction_type")
    codes = list(given.language_code)
    if not codes:
        return engine_for(["auto"], engines)
    if kind == pb.LanguageRestrictionOptions.WHITELIST:
        return engine_for(codes, engines)
    if kind != pb.LanguageRestrictionOptions.BLACKLIST:
        raise refusals.setting_missing("restriction_type", ("WHITELIST", "BLACKLIST"))
    unwanted = {code.lower() for code in codes}
    left = [code for code in served(engines) if code.lower() not in unwanted]
    if not left:
        raise refusals.no_language_left(served(engines))
    return engine_for(left, engines)


def _end_silence(given: pb.EouClassifierOptions) -> float | None:
    if given.WhichOneof("Classifier") == "external_classifier":
        return math.inf
    kind = _one_of(given.default_classifier, "type")
    hint = given.default_classifier.max_pause_between_words_hint_ms
    if not 0 <= hint <= LONGEST_HINT_MS:
        raise refusals.out_of_range("max_pause_between_words_hint_ms", hint, 0, LONGEST_HINT_MS)
    if hint:
        return max(SHORTEST_SILENCE, hint / 1000)
    return HIGH_SILENCE if kind == pb.DefaultEouClassifier.HIGH else None


def _one_of(given: Any, field: str) -> int:
    """Return the value of an enumeration. Raises Refusal for a number that has no name in it."""
    number = int(getattr(given, field))
    enumeration = given.DESCRIPTOR.fields_by_name[field].enum_type
    if number not in enumeration.values_by_number:
        raise refusals.value(field, number, [value.name for value in enumeration.values if value.number])
    return number
