"""What the recogniser on this machine can hear with the engines that are installed and the models that are here."""

import importlib.util
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from captions.errors import ModelMissing, RecognizerMissing
from captions.plain_text import plain
from captions.server.models import (
    MODELS,
    WHISPER_LANGUAGES,
    find_model,
    given_folder,
    language_name,
    megabytes,
    what_is_wrong,
)

MOONSHINE_LANGUAGES = ("en-US",)


@dataclass(frozen=True, slots=True)
class LocalEngines:
    """The settings `local_engine` and `whisper_model`. Its methods look at what is installed and on the disk now."""

    engine: str = "auto"
    whisper_model: str = "base"

    def languages(self) -> tuple[str, ...]:
        """Return the codes of what can be heard here, also those whose model can be had; the default first."""
        english = MOONSHINE_LANGUAGES if self._has_moonshine else ()
        others = WHISPER_LANGUAGES if self._has_whisper else ()
        # English before the others: the default, where no language is asked for, must not need another model.
        return tuple(dict.fromkeys((*english, *sorted(others, key=lambda code: code not in MOONSHINE_LANGUAGES))))

    def model(self) -> Path | None:
        """Return the folder of the model that whisper is to use, None where there is none or it is not installed."""
        return find_model(self.whisper_model) if self._has_whisper else None

    def flags(self) -> tuple[str, ...]:
        """Return the flags of `captions serve` for what is here."""
        chosen = () if self.engine == "auto" else ("--engine", self.engine)
        folder = self.model()
        return chosen if folder is None else (*chosen, "--whisper-model", str(folder))

    def needs_model(self, language: str) -> bool:
        """Whether whisper is to hear a language; empty for the default, which is English where moonshine is."""
        if self._has_moonshine:
            return language in WHISPER_LANGUAGES and language not in MOONSHINE_LANGUAGES and self.engine == "auto"
        return self._has_whisper

    def missing(self, language: str = "") -> RecognizerMissing | None:
        """Say what is missing to hear a language here, None when nothing is.

        It is ModelMissing where only a model is, that can be downloaded. Of a language that no engine here has nothing
        is said: the recogniser refuses it in its own words.
        """
        if not self._has_moonshine and not self._has_whisper:
            return missing_moonshine() if self.engine != "whisper" else missing_whisper(language)
        known = language in WHISPER_LANGUAGES and language not in MOONSHINE_LANGUAGES
        if known and self.engine == "moonshine":
            return RecognizerMissing(
                f"{language_name(language)} is not recognised by moonshine, the engine that was chosen.",
                "Set the engine to automatic (--local-engine auto).",
            )
        if known and not self._has_whisper:
            return missing_whisper(language)
        if not self.needs_model(language) or self.model() is not None:
            return None
        return self._missing_model(language)

    def _missing_model(self, language: str) -> RecognizerMissing:
        model = MODELS.get(self.whisper_model)
        if model is None:
            folder = given_folder(self.whisper_model)
            return RecognizerMissing(
                f"The folder {plain(str(folder))} holds no Whisper model: {what_is_wrong(folder)}.",
                f"whisper_model takes {', '.join(MODELS)}, or the folder of a model in CTranslate2's format.",
            )
        who = language_name(language) if language else "The engine whisper"
        return ModelMissing(
            f"{who} needs the model {model.name}, {megabytes(model.size)}, which is not on this machine.",
            f"Get it with `captions models add {model.name}`, or choose another language.",
            model=model.name,
            size=model.size,
            language=language,
        )

    def facts(self) -> dict[str, object]:
        """Return which engines are installed, and where whisper's model is; "" where there is none."""
        installed = {"moonshine": self._has_moonshine, "whisper": self._has_whisper}
        return {
            "engines": [name for name, there in installed.items() if there],
            "whisper_model": str(self.model() or ""),
        }

    def summary(self) -> str:
        """Say in a sentence what which engine hears here, and how to hear more."""
        english = "moonshine hears English" if self._has_moonshine else ""
        if self._has_whisper and (folder := self.model()) is not None:
            others = f"whisper hears {'other languages' if english else 'all languages'} with {plain(str(folder))}"
        elif self._has_whisper and self.whisper_model in MODELS:
            others = f"other languages need a model: captions models add {self.whisper_model}"
        elif self._has_whisper:
            others = self._missing_model("").message
        elif self.engine == "moonshine":
            others = "no other engine is wanted"
        else:
            others = "other languages need: pip install 'captions[local,whisper]'"
        text = "; ".join(part for part in (english, others) if part)
        return f"{text[0].upper()}{text[1:].rstrip('.')}."

    @property
    def _has_moonshine(self) -> bool:
        return self.engine != "whisper" and _is_installed("moonshine_voice")

    @property
    def _has_whisper(self) -> bool:
        return self.engine != "moonshine" and _is_installed("faster_whisper")


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def missing_whisper(language: str) -> RecognizerMissing:
    """Return what to say when the engine for other languages than English is not installed."""
    what = f"{language_name(language)} is" if language else "Other languages than English are"
    return RecognizerMissing(
        f"{what} not recognised on this machine: the engine whisper is not installed.",
        "Install it with: pip install 'captions[local,whisper]'.",
    )


def missing_moonshine() -> RecognizerMissing:
    """Return what to say when no engine is installed."""
    elsewhere = "use a recogniser elsewhere: --recognizer speechkit-v2 with API_KEY or IAM_TOKEN set, or --endpoint"
    if _has_wheels():
        return RecognizerMissing(
            "The recogniser on this machine is not installed.",
            f"Install it with: pip install 'captions[local]'. Or {elsewhere}.",
        )
    return RecognizerMissing(
        f"The recogniser on this machine does not run on this system ({platform.platform(terse=True)}, "
        f"{platform.machine()}): it needs Linux with glibc 2.34 or later, macOS 15 on arm64, or Windows on x86-64.",
        f"Instead, {elsewhere}.",
    )


def _has_wheels() -> bool:
    """Whether moonshine-voice is published for this system."""
    machine = platform.machine().lower()
    match platform.system():
        case "Linux":
            library, version = platform.libc_ver()
            return machine in {"x86_64", "aarch64"} and library == "glibc" and _version(version) >= (2, 34)
        case "Darwin":
            return machine == "arm64" and _version(platform.mac_ver()[0]) >= (15,)
        case "Windows":
            return machine == "amd64"
        case _:
            return False


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
