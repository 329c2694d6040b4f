"""What a stream of SpeechKit v3 sends: settings, audio, and silence by its length."""

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict

from captions.audio.block import Samples
from captions.errors import SettingError
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.recognizer import Encoding, RecognitionOptions
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from tests.recognition.streams import BLOCK, V3, all_of, noise, opened, stream_to, tone
from tests.recognition.test_ogg_opus import DECODED_RATE, decoded, loudest_hertz
from tests.scripted_server import ServedStream


async def listen_to_the_end(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()


async def sent(options: RecognitionOptions, *blocks: Samples) -> ServedStream:
    """Send blocks in one stream, and return it as the server saw it."""
    async with V3.server(listen_to_the_end) as server, stream_to(server, options) as stream:
        for block in blocks:
            await stream.send(block)
        await stream.half_close()
        assert await all_of(stream) == []
        return server.streams[0]


async def test_all_settings_go_first_in_one_message() -> None:
    options = RecognitionOptions(
        language_code="de-DE",
        model="general:rc",
        sample_rate_hertz=8_000,
        profanity_filter=True,
        literature_text=True,
        single_utterance=True,
        folder_id="b1g",
        more_languages=("en-US", "de-DE", "ru-RU"),
        eou_sensitivity="high",
        max_pause_ms=1_200,
    )
    served = await sent(options)
    assert MessageToDict(served.settings, preserving_proto_field_name=True) == {
        "recognition_model": {
            "model": "general:rc",
            "audio_format": {
                "raw_audio": {
                    "audio_encoding": "LINEAR16_PCM",
                    "sample_rate_hertz": "8000",
                    "audio_channel_count": "1",
                }
            },
            "text_normalization": {
                "text_normalization": "TEXT_NORMALIZATION_ENABLED",
                "profanity_filter": True,
                "literature_text": True,
            },
            "language_restriction": {
                "restriction_type": "WHITELIST",
                "language_code": ["de-DE", "en-US", "ru-RU"],
            },
            "audio_processing_type": "REAL_TIME",
        },
        "eou_classifier": {"default_classifier": {"type": "HIGH", "max_pause_between_words_hint_ms": "1200"}},
    }
    assert served.metadata["x-folder-id"] == "b1g"
    assert "authorization" not in served.metadata


async def test_what_is_not_asked_for_is_said_or_left_to_the_service() -> None:
    served = await sent(RecognitionOptions(raw_results=True))
    settings = MessageToDict(served.settings, preserving_proto_field_name=True)
    assert settings["recognition_model"]["text_normalization"] == {"text_normalization": "TEXT_NORMALIZATION_DISABLED"}
    assert settings["recognition_model"]["language_restriction"]["language_code"] == ["ru-RU"]
    assert settings["eou_classifier"] == {"default_classifier": {"type": "DEFAULT"}}
    assert "x-folder-id" not in served.metadata


async def test_credentials_and_their_folder_go_as_metadata() -> None:
    async with V3.server(listen_to_the_end, authorization="Bearer t1.secret") as server:
        authorization = Found(lambda: Credentials(Kind.IAM_TOKEN, "t1.secret", "folder"))
        recognizer = V3.at(server.target, tls=False, authorization=authorization)
        async with opened(recognizer) as stream:
            await stream.half_close()
            assert await all_of(stream) == []
        await recognizer.aclose()
    (served,) = server.streams
    assert served.metadata["x-folder-id"] == "folder"
    assert b"secret" not in served.settings.SerializeToString()


@pytest.mark.parametrize("folder", ["b1g ", "папка", "a\nb"])
def test_a_folder_that_cannot_be_sent_is_told_in_words(folder: str) -> None:
    with pytest.raises(SettingError, match="folder"):
        SPEECHKIT_V3.converse(RecognitionOptions(), folder)


async def test_samples_arrive_bit_for_bit_one_message_a_block() -> None:
    audio = noise(BLOCK * 20 + 7)
    served = await sent(RecognitionOptions(), *np.split(audio, range(BLOCK, len(audio), BLOCK)), noise(0))
    assert served.received == audio.astype("<i2").tobytes()
    assert [len(message) for message in served.messages] == [BLOCK * 2] * 20 + [14]
    assert {request.WhichOneof("Event") for request in served.requests} == {"chunk"}


def kinds(served: ServedStream) -> list[tuple[str, int]]:
    """Return what each message is, with milliseconds of silence or samples of sound."""
    return [
        ("silence", request.silence_chunk.duration_ms)
        if request.WhichOneof("Event") == "silence_chunk"
        else ("sound", len(request.chunk.data) // 2)
        for request in served.requests
    ]


async def test_silence_is_told_by_its_length_and_what_is_no_whole_millisecond_as_samples() -> None:
    quiet, one = np.zeros(BLOCK, np.int16), np.ones(BLOCK + 5, np.int16)
    faint = np.zeros(BLOCK, np.int16)
    faint[-1] = -2
    served = await sent(RecognitionOptions(), quiet, one, faint, np.zeros(15, np.int16))
    assert kinds(served) == [("silence", 100), ("silence", 100), ("sound", 5), ("sound", BLOCK), ("sound", 15)]


@pytest.mark.parametrize("sample", [-32_768, 32_767, -2, 2])
async def test_a_single_sample_of_sound_is_sound(sample: int) -> None:
    block = np.zeros(BLOCK, np.int16)
    block[BLOCK // 2] = sample
    served = await sent(RecognitionOptions(), block)
    assert served.received == block.tobytes()
    assert kinds(served) == [("sound", BLOCK)]


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_ten_minutes_of_blocks_of_any_length_with_and_without_sound_stay_on_the_clock(rate: int) -> None:
    chance = np.random.default_rng(rate)
    conversation = SPEECHKIT_V3.converse(RecognitionOptions(sample_rate_hertz=rate), "")
    total = told = silent = 0
    while total < 600 * rate:
        length = int(chance.integers(1, rate // 5))
        sounds = bool(chance.integers(0, 2))
        block = chance.integers(-9_000, 9_000, length).astype(np.int16) if sounds else np.zeros(length, np.int16)
        total += length
        for request in conversation.samples(block):
            milliseconds = request.silence_chunk.duration_ms
            told += milliseconds * rate // 1000 + len(request.chunk.data) // 2
            silent += milliseconds
            assert not (sounds and milliseconds), "sound was told as silence"
        assert told == total
    assert silent > 200_000


async def test_a_stream_in_opus_is_a_container_without_silence_and_whole_on_the_other_side() -> None:
    options = RecognitionOptions(audio_encoding=Encoding.OGG_OPUS)
    sound = np.concatenate([tone(1.5, 16_000, hertz=1_000), np.zeros(16_000, np.int16)])
    served = await sent(options, *np.split(sound, range(BLOCK, len(sound), BLOCK)))
    audio_format = served.settings.recognition_model.audio_format
    assert MessageToDict(audio_format) == {"containerAudio": {"containerAudioType": "OGG_OPUS"}}
    assert {request.WhichOneof("Event") for request in served.requests} == {"chunk"}
    heard = decoded(served.received)
    assert abs(len(heard) / DECODED_RATE - 2.5) < 0.001
    assert loudest_hertz(heard[: int(1.4 * DECODED_RATE)]) == pytest.approx(1_000, abs=2)
