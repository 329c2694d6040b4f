"""The settings message: what a client asks for, checked by the service's rules."""

from collections.abc import Sequence
from dataclasses import dataclass

from captions.proto import stt_service_v2_pb2 as pb
from captions.server import refusals
from captions.server.audio_decoders import AudioDecoder, OggOpusDecoder, PcmDecoder
from captions.server.engines import Engine

RATES = (8_000, 16_000, 48_000)
DEFAULT_RATE = 48_000
"""What an unset sample_rate_hertz means."""
MODELS = ("general", "general:rc", "general:deprecated")
DEFAULT_LANGUAGE = "ru-RU"
"""What an unset language_code means."""
LONGEST_FOLDER_ID = 50
UNHONOURED = ("profanity_filter", "raw_results", "literature_text")
"""Settings that are taken and change nothing here: text comes as the engine writes it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid settings message."""

    engine: Engine
    language: str
    """One of the engine's, or "auto" where it finds out by itself."""
    encoding: pb.RecognitionSpec.AudioEncoding
    rate: int
    partial_results: bool
    single_utterance: bool
    unhonoured: tuple[str, ...]
    """Names of settings that were asked for and that no engine here can honour."""

    def decoder(self) -> AudioDecoder:
        """Return a decoder of the audio that will come. May block: FFmpeg is loaded where it is needed."""
        if self.encoding == pb.RecognitionSpec.OGG_OPUS:
            return OggOpusDecoder()
        return PcmDecoder(self.rate)


def check(config: pb.RecognitionConfig, engines: Sequence[Engine], *, needs_folder: bool) -> Asked:
    """Return what `config` asks for. Raises Refusal.

    Unset values mean what the service takes them for: OGG_OPUS, 48000 Hz, ru-RU, model general. All models are one
    and the same here; `auto` goes to the first engine that finds out which language is spoken, and is the first
    engine's language where none does.
    """
    if needs_folder and not config.folder_id:
        raise refusals.folder_missing()
    if len(config.folder_id) > LONGEST_FOLDER_ID:
        raise refusals.folder_too_long()
    specification = config.specification
    encoding = specification.audio_encoding or pb.RecognitionSpec.OGG_OPUS
    if encoding not in (pb.RecognitionSpec.LINEAR16_PCM, pb.RecognitionSpec.OGG_OPUS):
        known = pb.RecognitionSpec.AudioEncoding.values()
        given = pb.RecognitionSpec.AudioEncoding.Name(encoding) if encoding in known else encoding
        raise refusals.value("audio_encoding", given, ("LINEAR16_PCM", "OGG_OPUS"))
    rate = specification.sample_rate_hertz or DEFAULT_RATE
    if encoding == pb.RecognitionSpec.LINEAR16_PCM and rate not in RATES:
        raise refusals.value("sample_rate_hertz", rate, RATES)
    if specification.audio_channel_count not in (0, 1):
        raise refusals.value("audio_channel_count", specification.audio_channel_count, (1,))
    if specification.model and specification.model not in MODELS:
        raise refusals.value("model", specification.model, MODELS)
    engine, language = _engine(specification.language_code or DEFAULT_LANGUAGE, engines)
    return Asked(
        engine=engine,
        language=language,
        encoding=encoding,
        rate=rate,
        partial_results=specification.partial_results,
        single_utterance=specification.single_utterance,
        unhonoured=tuple(name for name in UNHONOURED if getattr(specification, name)),
    )


def _engine(language: str, engines: Sequence[Engine]) -> tuple[Engine, str]:
    if language.lower() == "auto":
        detecting = next((engine for engine in engines if engine.detects_language), None)
        return (detecting, "auto") if detecting is not None else (engines[0], engines[0].languages[0])
    for engine in engines:
        for code in engine.languages:
            if code.lower() == language.lower():
                return engine, code
    raise refusals.language(language, [code for engine in engines for code in engine.languages])
