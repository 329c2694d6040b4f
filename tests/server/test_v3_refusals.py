"""What a client of v3 may not ask for or send, and what it may ask for in vain."""

import asyncio
from typing import Any

import grpc
import pytest

from captions.proto import stt_v3_pb2 as pb
from tests.server.clients import config, silence
from tests.server.clients_v3 import (
    END_OF_UTTERANCE,
    EXTERNAL,
    StreamV3,
    all_but,
    chunk,
    chunks,
    only,
    options,
    raw,
    recognize,
    silence_of,
)
from tests.server.conftest import Serving

INVALID = grpc.StatusCode.INVALID_ARGUMENT
ENABLED = pb.SpeakerLabelingOptions(speaker_labeling=pb.SpeakerLabelingOptions.SPEAKER_LABELING_ENABLED)
NORMALIZATION = pb.TextNormalizationOptions


def hint(milliseconds: int) -> pb.EouClassifierOptions:
    default = pb.DefaultEouClassifier(max_pause_between_words_hint_ms=milliseconds)
    return pb.EouClassifierOptions(default_classifier=default)


def pcm(**given: int) -> pb.AudioFormatOptions:
    return pb.AudioFormatOptions(
        raw_audio=pb.RawAudio(**{"audio_encoding": 1, "sample_rate_hertz": 16_000, **given})  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("model", "session", "says"),
    [
        ({"model": "maps"}, {}, ["model", "general:rc", "'maps'"]),
        ({"audio_format": None}, {}, ["audio_format", "raw_audio or container_audio"]),
        ({"audio_format": raw(44_100)}, {}, ["sample_rate_hertz", "8000, 16000, 48000", "44100"]),
        ({"audio_format": raw(0)}, {}, ["sample_rate_hertz", "'0'"]),
        ({"audio_format": pcm(audio_channel_count=2)}, {}, ["audio_channel_count", "2"]),
        ({"audio_format": pcm(audio_encoding=0)}, {}, ["audio_encoding", "LINEAR16_PCM"]),
        ({"audio_format": pcm(audio_encoding=9)}, {}, ["audio_encoding", "LINEAR16_PCM", "9"]),
        (
            {"audio_format": pb.AudioFormatOptions(container_audio=pb.ContainerAudio())},
            {},
            ["WAV or OGG_OPUS or MP3"],
        ),
        ({"language_restriction": only("ru-RU")}, {}, ["'ru-RU'", "is not", "en-US"]),
        ({"language_restriction": only("ru-RU", "de-DE")}, {}, ["'ru-RU', 'de-DE'", "are not", "en-US"]),
        ({"language_restriction": only("xx\x1b[31m")}, {}, ["'xx[31m'"]),
        ({"language_restriction": all_but("EN-us")}, {}, ["leaves no language", "en-US"]),
        (
            {"language_restriction": pb.LanguageRestrictionOptions(language_code=["en-US"])},
            {},
            ["restriction_type", "WHITELIST or BLACKLIST"],
        ),
        ({"audio_processing_type": 7}, {}, ["audio_processing_type", "REAL_TIME", "7"]),
        ({"text_normalization": NORMALIZATION(text_normalization=5)}, {}, ["TEXT_NORMALIZATION_ENABLED", "5"]),  # type: ignore[arg-type]
        ({}, {"speaker_labeling": ENABLED}, ["speaker_labeling", "FULL_DATA"]),
        ({}, {"eou_classifier": hint(-1)}, ["max_pause_between_words_hint_ms", "-1"]),
        ({}, {"eou_classifier": hint(10**9)}, ["max_pause_between_words_hint_ms", "60000"]),
    ],
)
async def test_a_bad_setting_is_named_with_what_would_be_right(
    serving_tones: Serving, model: dict[str, Any], session: dict[str, Any], says: list[str]
) -> None:
    client = await serving_tones()
    told = await recognize(client, [options(session, **model), *chunks(silence(0.5))])
    assert (told.code, told.responses) == (INVALID, [])
    assert all(part in told.details for part in says), told.details


@pytest.mark.parametrize(
    ("requests", "says"),
    [
        ([], "The first message must be session_options"),
        ([pb.StreamingRequest()], "The first message must be session_options"),
        ([chunk(b"12")], "The first message must be session_options"),
        ([options(), chunk(b"12"), options()], "session_options may be sent once only, as the first message"),
        ([options(), pb.StreamingRequest()], "A message must have chunk or silence_chunk or eou"),
        ([options(), END_OF_UTTERANCE], "eou goes with external_classifier only"),
        ([options(), silence_of(-1)], "silence_chunk.duration_ms must be from 0 to 3600000, and not -1000"),
        (
            [options(), silence_of(10**12)],
            "silence_chunk.duration_ms must be from 0 to 3600000, and not 1000000000000000",
        ),
    ],
)
async def test_messages_that_may_not_come_are_refused(
    serving_tones: Serving, requests: list[pb.StreamingRequest], says: str
) -> None:
    client = await serving_tones()
    told = await recognize(client, requests)
    assert (told.code, told.details) == (INVALID, says)


async def test_settings_that_change_nothing_are_named_in_the_answer(serving_tones: Serving) -> None:
    client = await serving_tones()
    session = {
        "eou_classifier": EXTERNAL,
        "recognition_classifier": pb.RecognitionClassifierOptions(
            classifiers=[pb.RecognitionClassifier(classifier="negative")]
        ),
        "speech_analysis": pb.SpeechAnalysisOptions(enable_speaker_analysis=True),
        "speaker_labeling": ENABLED,
        "summarization": pb.SummarizationOptions(model_uri="a"),
    }
    normalization = NORMALIZATION(
        text_normalization=NORMALIZATION.TEXT_NORMALIZATION_ENABLED,
        profanity_filter=True,
        literature_text=True,
        phone_formatting_mode=NORMALIZATION.PHONE_FORMATTING_MODE_DISABLED,
    )
    full_data = pb.RecognitionModelOptions.FULL_DATA
    asked = options(session, text_normalization=normalization, audio_processing_type=full_data)
    told = await recognize(client, [asked, *chunks(silence(0.5))])
    assert told.code is grpc.StatusCode.OK
    assert told.trailing["x-ignored-settings"] == (
        "profanity_filter,phone_formatting_mode,audio_processing_type,recognition_classifier,speech_analysis,"
        "speaker_labeling,summarization"
    )
    unnormalized = options(text_normalization=NORMALIZATION(literature_text=True))
    assert (await recognize(client, [unnormalized])).trailing["x-ignored-settings"] == "literature_text"
    assert "x-ignored-settings" not in (await recognize(client, [options()])).trailing


async def test_a_user_account_names_its_folder_in_the_metadata(serving_tones: Serving) -> None:
    client = await serving_tones(needs_folder=True)
    told = await recognize(client, [options()])
    assert (told.code, told.details) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "You have to specify folder ID for user account",
    )
    assert (await recognize(client, [options()], x_folder_id="b1g")).code is grpc.StatusCode.OK
    told = await recognize(client, [options()], x_folder_id="f" * 51)
    assert (told.code, told.details) == (INVALID, "folder_id must have 50 characters at most")


async def test_the_token_and_the_ids_are_those_of_every_version(serving_tones: Serving) -> None:
    client = await serving_tones(token="secret")
    told = await recognize(client, [options()], authorization="Bearer wrong")
    assert (told.code, told.details) == (grpc.StatusCode.UNAUTHENTICATED, "The token is missing or invalid")
    assert told.initial["x-request-id"]
    told = await recognize(client, [options()], authorization="Api-Key secret")
    assert told.code is grpc.StatusCode.OK
    assert told.initial["x-request-id"] == told.responses[0].session_uuid.uuid
    assert told.initial["x-server-trace-id"]


async def test_a_client_that_sends_nothing_for_too_long_is_ended_though_it_was_told_that_all_is_well(
    serving_tones: Serving,
) -> None:
    client = await serving_tones(idle_seconds=0.3)
    stream = StreamV3(client)
    await stream.send(options(), silence_of(2.5))
    told = await stream.end()
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert told.details == "No message for 0.3 s: the session is terminated"
    assert told.order == "ses"


async def test_the_quota_counts_streams_of_all_versions(serving_tones: Serving) -> None:
    client = await serving_tones(opens_per_second=2)
    async with asyncio.timeout(10):
        while True:
            codes = [
                (await recognize(client, [options()])).code,
                (await client.recognize([config()])).code,
                (await recognize(client, [options()])).code,
            ]
            if codes == [grpc.StatusCode.OK, grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED]:
                break  # else the second passed between them
