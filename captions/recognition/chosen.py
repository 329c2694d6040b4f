"""Which recogniser the settings ask for. Light to import: no gRPC, no numpy."""

from collections.abc import Mapping

from captions.errors import SettingError
from captions.recognition.endpoint import SPEECHKIT, parse_endpoint
from captions.recognition.iam.sources import find_source
from captions.settings import Settings


def chosen(settings: Settings, environment: Mapping[str, str]) -> str:
    """Return which recogniser the settings ask for, by the value of the setting: never "auto".

    `auto` is SpeechKit when there are credentials, whoever listens at `endpoint` when another address than the
    service's is set, and this machine otherwise. A named recogniser is taken as it is; SpeechKit itself without
    credentials cannot be, other servers may not ask for any. May read the credentials file. Raises CredentialsError or
    SettingError.
    """
    if settings.recognizer != "auto":
        return settings.recognizer
    if is_elsewhere(settings):
        return "speechkit-v2"
    return "local" if find_source(settings, environment) is None else "speechkit-v2"


def is_elsewhere(settings: Settings) -> bool:
    """Whether the endpoint is another than SpeechKit's own."""
    return parse_endpoint(settings.endpoint) != parse_endpoint(SPEECHKIT)


def check(settings: Settings, kind: str) -> None:
    """See that a recogniser, by its value of the setting, can do what is asked for. Raises SettingError."""
    if kind == "vosk" and not is_elsewhere(settings):
        raise SettingError("A Vosk server has no address of its own.", "Set the endpoint to HOST:PORT (--endpoint).")
    of_normalized = [name for name in ("profanity_filter", "literature_text") if getattr(settings, name)]
    if kind == "speechkit-v3" and settings.raw_results and of_normalized:
        names = " and ".join(of_normalized)
        raise SettingError(
            f"SpeechKit v3 has {names} in normalized text only, and raw_results asks for text that is not.",
            f"Turn off either raw_results or {names}.",
        )


def samples_only() -> SettingError:
    """Return the error for audio in an encoding that a Vosk server would take for samples."""
    return SettingError("A Vosk server takes audio as LINEAR16_PCM only.", "Change the setting encoding to that.")
