"""The one table of settings.

Every field of `Settings` is a row: name, type, default, choices, help. Flags, environment variables, the TOML file
and the sidebar are made from it, and values are checked here and nowhere else.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

from captions.errors import SettingError

LANGUAGES = (
    "auto", "de-DE", "en-US", "es-ES", "fi-FI", "fr-FR", "he-HE", "it-IT", "kk-KZ", "nl-NL", "pl-PL", "pt-BR",
    "pt-PT", "ru-RU", "sv-SE", "tr-TR", "uz-UZ",
)  # fmt: skip
"""Language codes of the service's model `general` (`pt-BR`: `general:rc` only), from its documentation."""


_SPEECHKIT = ("speechkit-v2", "speechkit-v3")
_ELSEWHERE = ("auto", *_SPEECHKIT, "vosk")
_ALL_BUT_VOSK = ("auto", "local", *_SPEECHKIT)


class Group(StrEnum):
    """Which part of the sidebar and of `captions settings` a setting stands in."""

    INPUT = "Input"
    TRANSCRIPT = "Transcript"
    RECOGNITION = "Recognition"
    CONNECTION = "Connection"
    DISPLAY = "Display"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    kind: type
    default: Any
    help: str
    group: Group
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    sidebar: bool = False
    remembered: bool = False
    label: str = ""
    unit: str = ""
    suggestions: tuple[str, ...] = ()
    service_variable: str = ""
    recognizers: tuple[str, ...] = ()
    """Values of the setting `recognizer` to which it means something; empty for all. `auto` stands where it does so to
    whatever that may come to, or decides what it comes to."""
    choice_labels: tuple[str, ...] = ()
    """What the choices are called on the screen, in their order, where not by themselves."""

    @property
    def flag(self) -> str:
        """The command-line flag, e.g. `--sample-rate`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable, e.g. `CAPTIONS_SAMPLE_RATE`."""
        return "CAPTIONS_" + self.name.upper()

    @property
    def variables(self) -> list[str]:
        """The environment variables that set it; the last wins."""
        return [variable for variable in (self.service_variable, self.variable) if variable]

    def concerns(self, chosen: str, in_use: str) -> bool:
        """Whether it means something to a recogniser.

        `chosen` is the value of the setting `recognizer`, `in_use` who that has come to; empty while it is not known.
        """
        return not self.recognizers or chosen in self.recognizers or in_use in self.recognizers

    def label_of(self, choice: object) -> str:
        """Return what one of the choices is called on the screen."""
        return self.choice_labels[self.choices.index(choice)] if self.choice_labels else str(choice)

    def parse(self, value: object, where: str) -> Any:
        """Return `value` as this setting's type; a text is converted. Raises SettingError, naming `where` it stood."""
        result: Any
        if self.kind is bool:
            result = self._boolean(value, where)
        elif self.kind is int:
            result = self._integer(value, where)
        elif isinstance(value, str):
            result = value.strip()
        else:
            raise SettingError(f"{where}: {self.name} is {value!r}, but must be a text.")
        if self.choices and result not in self.choices:
            fits = [choice for choice in self.choices if str(choice).lower() == str(result).lower()]
            if not fits:
                raise SettingError(f"{where}: {self.name} cannot be {value!r}.", nearest(str(result), self.choices))
            result = fits[0]
        too_small = self.minimum is not None and result < self.minimum
        if too_small or (self.maximum is not None and result > self.maximum):
            raise SettingError(
                f"{where}: {self.name} cannot be {value!r}.",
                f"It takes {self.minimum:g} to {self.maximum:g}{' ' + self.unit if self.unit else ''}.",
            )
        return result

    def _boolean(self, value: object, where: str) -> bool:
        if isinstance(value, bool):
            return value
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if isinstance(value, str) and value.strip().lower() in words:
            return words[value.strip().lower()]
        raise SettingError(f"{where}: {self.name} cannot be {value!r}.", "It takes true or false.")

    def _integer(self, value: object, where: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        try:
            return int(str(value))
        except ValueError:
            raise SettingError(f"{where}: {self.name} is {value!r}, but must be a whole number.") from None


SERVE_TOKEN_VARIABLE = "CAPTIONS_SERVE_TOKEN"
"""The one variable with the program's prefix that is no setting: the token that `captions serve` asks for."""


def _setting(default: Any, help: str, group: Group, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, "group": group, **more})


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a run of the program. Immutable: a change makes a new one with `changed`."""

    input: str = _setting(
        "auto",
        "Where sound comes from: auto (a microphone if there is one, else the sample), microphone or microphone:PART "
        "of a device's name, monitor or monitor:PART (what the machine plays), - (standard input), an address "
        "(tcp, http, https, rtsp), sample, or the path of a file or a named pipe.",
        Group.INPUT,
        sidebar=True,
        remembered=True,
    )
    pcm_rate: int = _setting(
        8_000,
        "Sample rate of sound without a header (.pcm, .raw, pipes).",
        Group.INPUT,
        minimum=1_000,
        maximum=384_000,
        unit="Hz",
    )
    pcm_channels: int = _setting(
        1, "Channels of sound without a header (.pcm, .raw, pipes).", Group.INPUT, minimum=1, maximum=32
    )
    title: str = _setting(
        "", "Title of the session, in the journal and in what is exported.", Group.TRANSCRIPT, sidebar=True
    )
    output: str = _setting(
        "",
        "File that has the captions too, whole at any time: .txt, .md, .srt, .vtt, .json or .ndjson. One that is there "
        "is replaced.",
        Group.TRANSCRIPT,
    )
    record: bool = _setting(
        False,
        "Keep the sound too, as Ogg Opus beside the journal, so that it can be captioned again (captions redo).",
        Group.TRANSCRIPT,
    )
    recognizer: str = _setting(
        "auto",
        "Who listens: auto (SpeechKit when there are credentials, else this machine), local, speechkit-v2, "
        "speechkit-v3 or vosk.",
        Group.RECOGNITION,
        choices=("auto", "local", "speechkit-v2", "speechkit-v3", "vosk"),
        choice_labels=("Automatic", "This machine", "SpeechKit v2", "SpeechKit v3", "vosk"),
        sidebar=True,
        label="Recogniser",
    )
    language: str = _setting(
        "system",
        "Language code of the speech, such as en-US or ru-RU; system takes the locale's where the recogniser has it.",
        Group.RECOGNITION,
        suggestions=LANGUAGES,
        sidebar=True,
        recognizers=_ALL_BUT_VOSK,
    )
    more_languages: str = _setting(
        "",
        "Further languages that may be spoken, with commas, such as en-US,de-DE.",
        Group.RECOGNITION,
        sidebar=True,
        recognizers=("speechkit-v3",),
    )
    local_engine: str = _setting(
        "auto",
        "Which engine listens on this machine: moonshine (English), whisper (many languages), or auto (moonshine for "
        "English, whisper for all else).",
        Group.RECOGNITION,
        choices=("auto", "moonshine", "whisper"),
        choice_labels=("Automatic", "moonshine", "whisper"),
        label="Engine",
        sidebar=True,
        recognizers=("local",),
    )
    whisper_model: str = _setting(
        "base",
        "Model of the engine whisper: tiny, base or small, or the folder that holds one (captions models lists them).",
        Group.RECOGNITION,
        suggestions=("tiny", "base", "small"),
        sidebar=True,
        recognizers=("local",),
    )
    model: str = _setting(
        "general",
        "The service's model: general, general:rc or general:deprecated.",
        Group.RECOGNITION,
        suggestions=("general", "general:rc", "general:deprecated"),
        sidebar=True,
        recognizers=_SPEECHKIT,
    )
    sample_rate: int = _setting(
        16_000,
        "Sample rate at which audio is sent.",
        Group.RECOGNITION,
        choices=(8_000, 16_000, 48_000),
        unit="Hz",
        sidebar=True,
    )
    encoding: str = _setting(
        "LINEAR16_PCM",
        "How audio travels: LINEAR16_PCM, or OGG_OPUS for a seventh of the bytes.",
        Group.RECOGNITION,
        choices=("LINEAR16_PCM", "OGG_OPUS"),
        sidebar=True,
        recognizers=_ALL_BUT_VOSK,
    )
    partial_results: bool = _setting(
        True, "Show text while it is being said, before it is final.", Group.RECOGNITION, sidebar=True
    )
    stability: str = _setting(
        "steady",
        "How soon words are shown: raw (as the recogniser sends them), steady (once they have held for a moment) or "
        "calm (only what is settled).",
        Group.RECOGNITION,
        choices=("raw", "steady", "calm"),
        sidebar=True,
        remembered=True,
        label="Text",
    )
    profanity_filter: bool = _setting(False, "Mask profanity.", Group.RECOGNITION, sidebar=True, recognizers=_SPEECHKIT)
    raw_results: bool = _setting(
        False, "Numbers as words instead of digits.", Group.RECOGNITION, sidebar=True, recognizers=_SPEECHKIT
    )
    literature_text: bool = _setting(
        False,
        "Ask for punctuation and capital letters (the service may ignore it).",
        Group.RECOGNITION,
        sidebar=True,
        recognizers=_SPEECHKIT,
    )
    single_utterance: bool = _setting(False, "Stop after the first utterance.", Group.RECOGNITION, sidebar=True)
    eou_sensitivity: str = _setting(
        "default",
        "How soon an utterance ends: default, or high (sooner, and now and then too soon).",
        Group.RECOGNITION,
        choices=("default", "high"),
        label="End of utterance",
        sidebar=True,
        recognizers=("speechkit-v3",),
    )
    max_pause_ms: int = _setting(
        0,
        "The longest pause between two words of an utterance, as a hint; 0 leaves it to the service.",
        Group.RECOGNITION,
        minimum=0,
        maximum=10_000,
        unit="ms",
        label="Longest pause",
        sidebar=True,
        recognizers=("speechkit-v3",),
    )
    block_ms: int = _setting(
        100, "How much audio is sent at a time.", Group.RECOGNITION, minimum=20, maximum=1_000, unit="ms"
    )
    silence_seconds: int = _setting(
        30,
        "A silence of so long ends a stream that is billed, until somebody speaks; 0 never does.",
        Group.RECOGNITION,
        minimum=0,
        maximum=3_600,
        unit="s",
        recognizers=("auto", *_SPEECHKIT),
    )
    keep_minutes: int = _setting(
        10,
        "How much audio is kept while no recogniser can be reached.",
        Group.RECOGNITION,
        minimum=1,
        maximum=120,
        unit="minutes",
    )
    stream_seconds: int = _setting(
        0,
        "The longest that the recogniser lets a stream be; 0 is what is known of it.",
        Group.RECOGNITION,
        minimum=0,
        maximum=86_400,
        unit="s",
    )
    stream_bytes: int = _setting(
        0,
        "The most audio that the recogniser takes in a stream; 0 is what is known of it.",
        Group.RECOGNITION,
        minimum=0,
        maximum=10**12,
        unit="bytes",
    )
    endpoint: str = _setting(
        "stt.api.cloud.yandex.net:443",
        "Address of the service, HOST:PORT or unix:PATH.",
        Group.CONNECTION,
        sidebar=True,
        recognizers=_ELSEWHERE,
    )
    tls: bool = _setting(
        True,
        "Encrypt the connection. Without it, credentials go to this machine only.",
        Group.CONNECTION,
        recognizers=_ELSEWHERE,
    )
    ca_file: str = _setting(
        "", "PEM file of the certificate authority of the endpoint.", Group.CONNECTION, recognizers=_ELSEWHERE
    )
    client_certificate: str = _setting(
        "",
        "PEM file of the certificate by which the endpoint knows this client.",
        Group.CONNECTION,
        recognizers=_ELSEWHERE,
    )
    client_key: str = _setting(
        "", "PEM file of that certificate's private key.", Group.CONNECTION, recognizers=_ELSEWHERE
    )
    metadata_file: str = _setting(
        "",
        "File with lines NAME: VALUE, sent to the endpoint as metadata with every stream.",
        Group.CONNECTION,
        recognizers=_ELSEWHERE,
    )
    credentials: str = _setting(
        "auto",
        "Where credentials come from: auto (the first that there is of credentials_file, environment and, where "
        "SpeechKit is named as recognizer, metadata and yc), none, environment, keyring (captions credentials keep), "
        "metadata (the virtual machine's service account) or yc (whoever is logged in with the tool).",
        Group.CONNECTION,
        choices=("auto", "none", "environment", "keyring", "metadata", "yc"),
        recognizers=_ELSEWHERE,
    )
    credentials_file: str = _setting(
        "",
        "A service account's key (JSON), or a file with IAM_TOKEN=, API_KEY= and FOLDER_ID= lines, instead of the "
        "environment.",
        Group.CONNECTION,
        recognizers=_ELSEWHERE,
    )
    iam_endpoint: str = _setting(
        "iam.api.cloud.yandex.net:443",
        "Address at which a service account's key is exchanged for a token.",
        Group.CONNECTION,
        recognizers=("auto", *_SPEECHKIT),
    )
    folder_id: str = _setting(
        "",
        "Folder of a user account; none is sent for a service account, which has its own.",
        Group.CONNECTION,
        service_variable="FOLDER_ID",
        recognizers=("auto", *_SPEECHKIT),
    )
    theme: str = _setting(
        "dark",
        "Colours of the dashboard.",
        Group.DISPLAY,
        choices=("dark", "light", "high-contrast", "colour-blind"),
        sidebar=True,
        remembered=True,
    )
    low_bandwidth: bool = _setting(
        False, "Draw less often and in fewer colours, for a slow link.", Group.DISPLAY, sidebar=True, remembered=True
    )

    def changed(self, name: str, value: object, where: str = "sidebar") -> "Settings":
        """Return these settings with one changed. Raises SettingError."""
        return replace(self, **{name: ROWS[name].parse(value, where)})


def _rows() -> dict[str, Setting]:
    kinds = get_type_hints(Settings)
    return {f.name: Setting(f.name, kinds[f.name], f.default, **f.metadata) for f in fields(Settings)}


ROWS: Mapping[str, Setting] = _rows()
"""The table, by name, in the order in which it is shown."""


def data_folder() -> Path:
    """Where journals are kept: private to the user, under the platform's data directory."""
    return platformdirs.user_data_path("captions")


def log_folder() -> Path:
    """Where what the program says of itself is kept: noise of native libraries, tracebacks."""
    return platformdirs.user_log_path("captions")


def nearest(wrong: str, valid: Iterable[object]) -> str:
    """Return a hint that names what `wrong` was probably meant to be, or all that is valid."""
    names = {str(name).lower().lstrip("-"): str(name) for name in valid}
    wrong = wrong.lower().lstrip("-")
    close = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5) if not wrong.isdecimal() else []
    if close:
        return f"Did you mean {names[close[0]]}?"
    *most, last = names.values()
    return f"It takes {', '.join(most)} or {last}."
