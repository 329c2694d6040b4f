"""Who listens and how, from the settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from captions.errors import CredentialsError, SettingError
from captions.recognition.authorization import Found
from captions.recognition.chosen import chosen, is_elsewhere
from captions.recognition.credentials import find_credentials
from captions.recognition.dialect import Dialect
from captions.recognition.endpoint import parse_endpoint
from captions.recognition.recognizer import Encoding, RecognitionOptions, Recognizer
from captions.settings import LANGUAGES, Settings


def make_recognizer(settings: Settings, environment: Mapping[str, str]) -> Recognizer:
    """Return the recogniser that the settings ask for; nothing is started or connected yet.

    May read the credentials file, and imports gRPC: not for the event loop. Raises CredentialsError or SettingError.
    """
    kind = chosen(settings, environment)
    if kind == "local":
        from captions.recognition.local import LocalRecognizer

        return LocalRecognizer()
    from captions.recognition.remote import RemoteRecognizer

    dialect = _dialect(kind)
    find = partial(find_credentials, environment, settings.credentials_file, settings.folder_id)
    elsewhere = is_elsewhere(settings)
    if not elsewhere and find() is None:
        raise CredentialsError(
            "SpeechKit needs credentials, and there are none.",
            "Set API_KEY or IAM_TOKEN in the environment, or name a file with --credentials-file.",
        )
    return RemoteRecognizer(
        dialect,
        settings.endpoint,
        tls=settings.tls,
        ca_file=settings.ca_file,
        authorization=Found(find),
        # Other servers of the same service have its limits; what they cost is not known.
        limits=replace(dialect.limits, billed_seconds=None) if elsewhere else None,
        name=f"recogniser at {parse_endpoint(settings.endpoint)}" if elsewhere else "SpeechKit",
    )


def _dialect(kind: str) -> Dialect:
    match kind:
        case "speechkit-v2":
            from captions.recognition.speechkit_v2 import SPEECHKIT_V2

            return SPEECHKIT_V2
        case _:
            raise SettingError(f"There is no recogniser {kind}.")


def recognition_options(settings: Settings, languages: Sequence[str], locale: str) -> RecognitionOptions:
    """Return the options of a stream.

    `languages` are the recogniser's, its own default first; empty where they are not known. `locale` is the
    system's, such as "ru_RU.UTF-8", "de-DE" or "C".
    """
    return RecognitionOptions(
        language_code=_language(settings.language, languages, locale),
        model=settings.model,
        audio_encoding=Encoding(settings.encoding),
        sample_rate_hertz=settings.sample_rate,
        profanity_filter=settings.profanity_filter,
        partial_results=settings.partial_results,
        raw_results=settings.raw_results,
        literature_text=settings.literature_text,
        single_utterance=settings.single_utterance,
        folder_id=settings.folder_id,
        more_languages=tuple(code.strip() for code in settings.more_languages.split(",") if code.strip()),
        eou_sensitivity=settings.eou_sensitivity,
        max_pause_ms=settings.max_pause_ms,
    )


def _language(wanted: str, languages: Sequence[str], locale: str) -> str:
    """Return the code to ask for: `wanted` in the recogniser's spelling if it has it, as it is if not.

    "system" takes the locale's language where the recogniser has it, the very region or another, and else the
    recogniser's own default.
    """
    known = {code.lower(): code for code in languages or LANGUAGES}
    if wanted.lower() != "system":
        return known.get(wanted.lower(), wanted)
    code = re.split(r"[.@]", locale)[0].replace("_", "-").lower()
    same_language = [known[other] for other in known if other.partition("-")[0] == code.partition("-")[0]]
    return known.get(code) or next(iter([*same_language, *languages]), "en-US")
