"""Who listens and how, from the settings."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from captions.errors import CredentialsError, SettingError
from captions.recognition.choose import make_recognizer, recognition_options
from captions.recognition.limits import StreamLimits
from captions.recognition.local import LocalRecognizer
from captions.recognition.recognizer import Encoding, RecognitionOptions
from captions.recognition.remote import RemoteRecognizer
from captions.settings import LANGUAGES, Settings
from tests.recognition.streams import all_of, opened
from tests.scripted_server import ScriptedServer, ServedStream

KEY = {"API_KEY": "AQVN"}
ELSEWHERE = "127.0.0.1:50051"
CLOUD = ("ru-RU", *(code for code in LANGUAGES if code != "ru-RU"))


@pytest.mark.parametrize(
    ("settings", "environment", "kind", "name"),
    [
        (Settings(), {}, LocalRecognizer, "local recogniser"),
        (Settings(), KEY, RemoteRecognizer, "SpeechKit v2"),
        (Settings(), {"IAM_TOKEN": "t1.abc"}, RemoteRecognizer, "SpeechKit v2"),
        (Settings(), {"FOLDER_ID": "folder"}, LocalRecognizer, "local recogniser"),
        (Settings(recognizer="local"), KEY, LocalRecognizer, "local recogniser"),
        (Settings(recognizer="local", endpoint=ELSEWHERE), KEY, LocalRecognizer, "local recogniser"),
        (Settings(recognizer="speechkit-v2"), KEY, RemoteRecognizer, "SpeechKit v2"),
        (Settings(recognizer="speechkit-v3"), KEY, RemoteRecognizer, "SpeechKit v3"),
        (Settings(endpoint=ELSEWHERE, tls=False), {}, RemoteRecognizer, f"SpeechKit v2 at {ELSEWHERE}"),
        (Settings(recognizer="vosk", endpoint=ELSEWHERE, tls=False), KEY, RemoteRecognizer, f"vosk at {ELSEWHERE}"),
        (Settings(recognizer="speechkit-v2", endpoint=ELSEWHERE), {}, RemoteRecognizer, f"SpeechKit v2 at {ELSEWHERE}"),
    ],
)
def test_credentials_bring_the_cloud_and_settings_override(
    settings: Settings, environment: dict[str, str], kind: type, name: str
) -> None:
    recognizer = make_recognizer(settings, environment)
    assert type(recognizer) is kind
    assert recognizer.name == name


def test_the_cloud_without_credentials_is_told_at_once() -> None:
    with pytest.raises(CredentialsError, match="Set API_KEY or IAM_TOKEN"):
        make_recognizer(Settings(recognizer="speechkit-v2", credentials="none"), {})


@pytest.mark.parametrize("name", ["profanity_filter", "literature_text"])
def test_what_v3_has_in_normalized_text_only_is_told_at_once_where_that_is_turned_off(name: str) -> None:
    settings = Settings(recognizer="speechkit-v3", raw_results=True).changed(name, True)
    with pytest.raises(SettingError, match=f"{name} in normalized text only"):
        make_recognizer(settings, KEY)
    make_recognizer(settings.changed("raw_results", False), KEY)
    make_recognizer(settings.changed("recognizer", "speechkit-v2"), KEY)


def test_more_languages_are_spelt_as_the_recogniser_does() -> None:
    options = recognition_options(Settings(more_languages=" EN-us,, kk-KK ,de-de"), CLOUD, "C")
    assert options.more_languages == ("en-US", "kk-KK", "de-DE")


def test_a_vosk_server_has_to_be_named_and_is_sent_samples_whatever_others_are() -> None:
    with pytest.raises(SettingError, match=r"no address of its own.*--endpoint"):
        make_recognizer(Settings(recognizer="vosk"), {})
    opus = Settings(recognizer="vosk", endpoint=ELSEWHERE, encoding="OGG_OPUS")
    assert recognition_options(opus, (), "C").audio_encoding is Encoding.LINEAR16_PCM
    for recognizer in ("auto", "local", "speechkit-v2", "speechkit-v3"):
        settings = opus.changed("recognizer", recognizer)
        assert recognition_options(settings, (), "C").audio_encoding is Encoding.OGG_OPUS


def test_a_vosk_server_has_no_limits_no_languages_and_gets_no_key_of_the_cloud() -> None:
    recognizer = make_recognizer(Settings(recognizer="vosk", endpoint="vosk.example:5001", tls=False), KEY)
    assert (recognizer.kind, recognizer.languages, recognizer.limits) == ("vosk", (), StreamLimits())
    # Had there been a key to send, it would have been refused: the other machine is spoken to in plaintext.
    asyncio.run(recognizer.prepare())


@pytest.mark.parametrize("kind", ["speechkit-v2", "speechkit-v3"])
def test_another_server_of_the_service_has_its_limits_and_its_price_is_not_known(kind: str) -> None:
    cloud = make_recognizer(Settings(recognizer=kind), KEY).limits
    assert make_recognizer(Settings(recognizer=kind, endpoint=ELSEWHERE), {}).limits == replace(
        cloud, billed_seconds=None
    )
    assert (cloud.seconds, cloud.bytes, cloud.billed_seconds) == (300.0, 10_000_000, 15.0)


def test_a_metadata_file_that_is_wrong_is_told_at_once_and_one_with_authorization_needs_no_credentials(
    tmp_path: Path,
) -> None:
    file = tmp_path / "metadata"
    file.write_text("no colon\n")
    with pytest.raises(CredentialsError, match="line 1 has no colon"):
        make_recognizer(Settings(endpoint=ELSEWHERE, metadata_file=str(file)), {})
    file.write_text("authorization: Basic eDp5\n")
    assert make_recognizer(Settings(recognizer="speechkit-v2", metadata_file=str(file)), {}).kind == "speechkit-v2"


def test_an_endpoint_that_is_none_is_told_at_once() -> None:
    with pytest.raises(SettingError, match="HOST:PORT"):
        make_recognizer(Settings(endpoint="https://example.org"), {})


async def test_the_settings_reach_the_wire(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("IAM_TOKEN=t1.user\nFOLDER_ID=from-file\n")

    async def listen(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()

    async with ScriptedServer(listen, authorization="Bearer t1.user") as server:
        settings = Settings(endpoint=server.target, tls=False, credentials_file=str(credentials), language="tr-tr")
        recognizer = make_recognizer(settings, {"IAM_TOKEN": "t1.not-this"})
        async with opened(recognizer, recognition_options(settings, recognizer.languages, "C")) as stream:
            await stream.half_close()
            assert await all_of(stream) == []
        await recognizer.aclose()
        sent = server.streams[0].settings
        assert sent is not None
        assert (sent.folder_id, sent.specification.language_code) == ("from-file", "tr-TR")


def test_options_are_the_settings_by_the_services_names() -> None:
    settings = Settings(
        language="ru-RU",
        model="general:rc",
        encoding="OGG_OPUS",
        sample_rate=48_000,
        profanity_filter=True,
        partial_results=False,
        raw_results=True,
        literature_text=True,
        single_utterance=True,
        folder_id="b1g",
    )
    assert recognition_options(settings, CLOUD, "C") == RecognitionOptions(
        language_code="ru-RU",
        model="general:rc",
        audio_encoding=Encoding.OGG_OPUS,
        sample_rate_hertz=48_000,
        profanity_filter=True,
        partial_results=False,
        raw_results=True,
        literature_text=True,
        single_utterance=True,
        folder_id="b1g",
    )


@pytest.mark.parametrize(
    ("wanted", "languages", "locale", "code"),
    [
        ("system", CLOUD, "de_DE.UTF-8", "de-DE"),
        ("system", CLOUD, "de_AT.UTF-8@euro", "de-DE"),
        ("system", CLOUD, "pt_PT", "pt-PT"),
        ("system", CLOUD, "en-GB", "en-US"),
        ("system", CLOUD, "C.UTF-8", "ru-RU"),
        ("system", CLOUD, "", "ru-RU"),
        ("system", ("en-US",), "ru_RU.UTF-8", "en-US"),
        ("system", (), "sv_SE.UTF-8", "sv-SE"),
        ("system", (), "C", "en-US"),
        ("SYSTEM", ("en-US",), "C", "en-US"),
        ("RU-ru", CLOUD, "C", "ru-RU"),
        ("kk-KK", CLOUD, "C", "kk-KK"),
        ("ru-RU", ("en-US",), "C", "ru-RU"),
    ],
)
def test_the_language_is_what_was_asked_for_or_the_locales_where_the_recogniser_has_it(
    wanted: str, languages: tuple[str, ...], locale: str, code: str
) -> None:
    assert recognition_options(Settings(language=wanted), languages, locale).language_code == code
