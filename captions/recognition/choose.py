"""Who listens and how, from the settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from captions.errors import CredentialsError
from captions.recognition.credentials import find_credentials
from captions.recognition.endpoint import SPEECHKIT, parse_endpoint
from captions.recognition.limits import SPEECHKIT_LIMITS
from captions.recognition.recognizer import Encoding, RecognitionOptions, Recognizer
from captions.settings import LANGUAGES, Settings


def make_recognizer(settings: Settings, environment: Mapping[str, str]) -> Recognizer:
    """Return the recogniser that the settings ask for; nothing is started or connected yet.

    `auto` is SpeechKit when there are credentials, whoever listens at `endpoint` when another address than the
    service's is set, and this machine otherwise. A named recogniser is taken as it is; SpeechKit itself without
    credentials cannot be, other servers may not ask for any.

    May read the credentials file, and imports gRPC: not for the event loop. Raises CredentialsError or SettingError.
    """
    endpoint = parse_endpoint(settings.endpoint)
    elsewhere = endpoint != parse_endpoint(SPEECHKIT)
    if settings.recognizer != "local":
        find = partial(find_credentials, environment, settings.credentials_file, settings.folder_id)
        credentials = find()
        if credentials is not None or elsewhere:
            from captions.recognition.speechkit_v2 import SpeechKitV2

            return SpeechKitV2(
                settings.endpoint,
                tls=settings.tls,
                ca_file=settings.ca_file,
                credentials=credentials,
                find_credentials=find,
                # Other servers of the same service have its limits; what they cost is not known.
                limits=replace(SPEECHKIT_LIMITS, billed_seconds=None) if elsewhere else SPEECHKIT_LIMITS,
                name=f"recogniser at {endpoint}" if elsewhere else "SpeechKit",
            )
        if settings.recognizer == "speechkit-v2":
            raise CredentialsError(
                "SpeechKit needs credentials, and there are none.",
                "Set API_KEY or IAM_TOKEN in the environment, or name a file with --credentials-file.",
            )
    from captions.recognition.local import LocalRecognizer

    return LocalRecognizer()


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
