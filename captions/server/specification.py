"""What clients may ask for, in whatever protocol they do, checked by the service's rules."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from captions.server import refusals
from captions.server.audio_decoders import Encoding
from captions.server.engines import Engine

RATES = (8_000, 16_000, 48_000)
MODELS = ("general", "general:rc", "general:deprecated")
AUTO = "auto"
"""Stands for a language that the engine finds out."""
ALSO_CALLED = {"kk-kk": "kk-KZ"}
"""The service's documentation has both."""
LONGEST_FOLDER_ID = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """Valid settings."""

    engine: Engine
    language: str
    """One of the engine's; several with commas, or "auto", where it finds out by itself."""
    encoding: Encoding
    partial_results: bool = True
    single_utterance: bool = False
    end_silence: float | None = None
    """Seconds of silence that end an utterance; None for what suits the engine, infinite where the client says it."""
    refinement: bool = False
    """Whether each final is to be told again, normalised."""
    literature_text: bool = False
    """Whether normalised text is to have capitals and punctuation."""
    unhonoured: tuple[str, ...] = ()
    """Names of settings that were asked for and that nothing here can honour."""

    @property
    def ended_by_client(self) -> bool:
        """Whether the client says where utterances end, and nothing else does."""
        return self.end_silence == math.inf


def check_folder(folder_id: str, *, needed: bool) -> None:
    """Raise Refusal for a folder that is missing where it is needed, or cannot be one."""
    if needed and not folder_id:
        raise refusals.folder_missing()
    if len(folder_id) > LONGEST_FOLDER_ID:
        raise refusals.folder_too_long()


def check_pcm(rate: int, channels: int) -> None:
    """Raise Refusal for LINEAR16_PCM that the service does not take; 0 channels are an unset number of them."""
    if rate not in RATES:
        raise refusals.value("sample_rate_hertz", rate, RATES)
    if channels not in (0, 1):
        raise refusals.value("audio_channel_count", channels, (1,))


def check_model(model: str) -> None:
    """Raise Refusal for a model that the service does not have. All that it has are one and the same here."""
    if model and model not in MODELS:
        raise refusals.value("model", model, MODELS)


def engine_for(languages: Sequence[str], engines: Sequence[Engine]) -> tuple[Engine, str]:
    """Return the engine for speech in one of `languages`, and the language that it is to be opened with.

    Codes count in any case, and those that no engine has do not count where another is. Several, and "auto", which
    stands for all, go to the first engine that finds out which of them is spoken, and mean the first of them where
    none does. What that engine is opened with is "auto", or those of its languages that were asked for, with commas.
    Raises Refusal.
    """
    languages = [ALSO_CALLED.get(language.lower(), language) for language in languages]
    if AUTO in (language.lower() for language in languages):
        wanted = served(engines)
    else:
        codes = {code.lower(): code for code in served(engines)}
        wanted = [codes[language.lower()] for language in languages if language.lower() in codes]
    if not wanted:
        raise refusals.language(languages, served(engines))
    if len(wanted) > 1:
        for engine in engines:
            of_engine = [code for code in wanted if code in engine.languages]
            if engine.detects_language and len(of_engine) > 1:
                return engine, AUTO if set(of_engine) == set(engine.languages) else ",".join(of_engine)
    return next(engine for engine in engines if wanted[0] in engine.languages), wanted[0]


def served(engines: Sequence[Engine]) -> list[str]:
    """Return the codes of all languages that the engines have, each once."""
    return list(dict.fromkeys(code for engine in engines for code in engine.languages))
