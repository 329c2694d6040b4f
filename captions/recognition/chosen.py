"""Which recogniser the settings ask for. Light to import: no gRPC, no numpy."""

from collections.abc import Mapping

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
