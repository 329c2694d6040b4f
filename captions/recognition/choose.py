"""Who listens and how, from the settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from captions.errors import SettingError
from captions.recognition.chosen import check, chosen, is_elsewhere
from captions.recognition.dialect import Dialect
from captions.recognition.endpoint import parse_endpoint
from captions.recognition.iam.sources import find_authorization, none_there
from captions.recognition.metadata_file import read_metadata
from captions.recognition.recognizer import Encoding, RecognitionOptions, Recognizer
from captions.settings import LANGUAGES, ROWS, Settings


def make_recognizer(settings: Settings, environment: Mapping[str, str]) -> Recognizer:
    """Return the recogniser that the settings ask for; nothing is started or connected yet.

    May read the files of credentials and metadata, and imports gRPC: not for the event loop. Raises CredentialsError or
    SettingError.
    """
    kind = chosen(settings, environment)
    check(settings, kind)
    if kind == "local":
        from captions.recognition.local import LocalRecognizer
        from captions.recognition.local_engines import LocalEngines

        return LocalRecognizer(LocalEngines(settings.local_engine, settings.whisper_model))
    from captions.recognition.remote import RemoteRecognizer

    dialect = _dialect(kind)
    elsewhere = is_elsewhere(settings)
    own_authorization = bool(settings.metadata_file) and read_metadata(settings.metadata_file).has_authorization
    authorization = None if own_authorization else find_authorization(settings, environment)
    if not (elsewhere or own_authorization) and authorization is None:
        raise none_there()
    return RemoteRecognizer(
        dialect,
        settings.endpoint,
        tls=settings.tls,
        ca_file=settings.ca_file,
        client_certificate=settings.client_certificate,
        client_key=settings.client_key,
        metadata_file=settings.metadata_file,
        authorization=authorization,
        # Other servers of the same service have its limits; what they cost is not known.
        limits=replace(dialect.limits, billed_seconds=None) if elsewhere else None,
        name=f"{dialect.service} at {parse_endpoint(settings.endpoint)}" if elsewhere else "",
    )


def _dialect(kind: str) -> Dialect:
    match kind:
        case "speechkit-v2":
            from captions.recognition.speechkit_v2 import SPEECHKIT_V2

            return SPEECHKIT_V2
        case "speechkit-v3":
            from captions.recognition.speechkit_v3 import SPEECHKIT_V3

            return SPEECHKIT_V3
        case "vosk":
            from captions.recognition.vosk import VOSK

            return VOSK
        case _:
            raise SettingError(f"There is no recogniser {kind}.")


def recognition_options(settings: Settings, languages: Sequence[str], locale: str) -> RecognitionOptions:
    """Return the options of a stream.

    `languages` are the recogniser's, its own default first; empty where they are not known. `locale` is the
    system's, such as "ru_RU.UTF-8", "de-DE" or "C". What means nothing to a recogniser changes nothing: a Vosk server
    is sent samples, whatever the others are.
    """
    encoding = settings.encoding if ROWS["encoding"].concerns(settings.recognizer, "") else Encoding.LINEAR16_PCM
    return RecognitionOptions(
        language_code=_language(settings.language, languages, locale),
        model=settings.model,
        audio_encoding=Encoding(encoding),
        sample_rate_hertz=settings.sample_rate,
        profanity_filter=settings.profanity_filter,
        partial_results=settings.partial_results,
        raw_results=settings.raw_results,
        literature_text=settings.literature_text,
        single_utterance=settings.single_utterance,
        folder_id=settings.folder_id,
        more_languages=tuple(
            _spelt(code.strip(), languages) for code in settings.more_languages.split(",") if code.strip()
        ),
        eou_sensitivity=settings.eou_sensitivity,
        max_pause_ms=settings.max_pause_ms,
    )


def _language(wanted: str, languages: Sequence[str], locale: str) -> str:
    """Return the code to ask for: `wanted` in the recogniser's spelling if it has it, as it is if not.

    "system" takes the locale's language where the recogniser has it, the very region or another, and else the
    recogniser's own default.
    """
    known = _by_spelling(languages)
    if wanted.lower() != "system":
        return _spelt(wanted, languages)
    code = re.split(r"[.@]", locale)[0].replace("_", "-").lower()
    same_language = [known[other] for other in known if other.partition("-")[0] == code.partition("-")[0]]
    return known.get(code) or next(iter([*same_language, *languages]), "en-US")


def _spelt(code: str, languages: Sequence[str]) -> str:
    """Return a code in the recogniser's spelling if it has it, as it is if not."""
    return _by_spelling(languages).get(code.lower(), code)


def _by_spelling(languages: Sequence[str]) -> Mapping[str, str]:
    return {code.lower(): code for code in languages or LANGUAGES}
