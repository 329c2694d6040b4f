"""Every limit and every error, with the code and text that a client of the service may rely on."""

import asyncio
import itertools
import time

import grpc
import pytest

from captions.audio.block import Samples
from captions.audio.ogg_opus import OggOpusEncoder
from captions.proto import stt_service_v2_pb2 as pb
from captions.server.engines import Heard
from captions.settings import ROWS
from tests.server.clients import Client, Stream, audio, config, messages, seconds, silence, speech, words
from tests.server.conftest import Serving

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("specification", "says"),
    [
        ({"language_code": "ru-RU"}, ["'ru-RU'", "en-US"]),
        ({"language_code": ""}, ["'ru-RU'", "en-US"]),
        ({"language_code": "xx\x1b[31m"}, ["'xx[31m'", "en-US"]),
        ({"sample_rate_hertz": 44_100}, ["sample_rate_hertz", "8000, 16000, 48000", "44100"]),
        ({"sample_rate_hertz": -1}, ["sample_rate_hertz", "-1"]),
        ({"audio_encoding": pb.RecognitionSpec.MP3}, ["audio_encoding", "LINEAR16_PCM, OGG_OPUS", "MP3"]),
        ({"audio_encoding": 17}, ["audio_encoding", "17"]),
        ({"audio_channel_count": 2}, ["audio_channel_count", "2"]),
        ({"model": "maps"}, ["model", "general:rc", "'maps'"]),
        ({"folder_id": "f" * 51}, ["folder_id", "50"]),
    ],
)
async def test_a_bad_setting_is_named_with_what_would_be_right(
    serving: Serving, specification: dict[str, object], says: list[str]
) -> None:
    client = await serving()
    answer = await client.recognize([config(**specification), *messages(seconds(0, 1))])
    assert (answer.code, answer.chunks) == (INVALID, [])
    assert all(part in answer.details for part in says), answer.details


@pytest.mark.parametrize("language", ["auto", "AUTO", "en-us", "en-US"])
@pytest.mark.parametrize("model", ["", "general", "general:rc", "general:deprecated"])
async def test_good_settings_are_taken_in_any_spelling_the_service_knows(
    serving: Serving, language: str, model: str
) -> None:
    client = await serving()
    answer = await client.recognize([config(language_code=language, model=model, audio_channel_count=1)])
    assert answer.code is grpc.StatusCode.OK
    assert "x-ignored-settings" not in answer.trailing


async def test_an_unset_rate_means_48000_and_an_unset_encoding_ogg_opus(serving: Serving) -> None:
    client = await serving()
    answer = await client.recognize([config(sample_rate_hertz=0), *messages(speech(48_000)[: int(48_000 * 4.5)])])
    assert words(answer.text)[:6] == ["it", "was", "the", "best", "of", "times"]
    answer = await client.recognize([config(audio_encoding=0), *messages(silence(1))])
    assert (answer.code, "Opus" in answer.details) == (INVALID, True)


async def test_settings_that_change_nothing_are_named_in_the_answer(serving: Serving) -> None:
    client = await serving()
    answer = await client.recognize([config(profanity_filter=True, raw_results=True, literature_text=True)])
    assert answer.code is grpc.StatusCode.OK
    ignored = answer.trailing["x-ignored-settings"].split(",")
    assert ignored == ["profanity_filter", "raw_results", "literature_text"]
    assert not any(ROWS[name].concerns("local", "local") for name in ignored)  # so nobody is offered them in vain


@pytest.mark.parametrize(
    ("requests", "says"),
    [
        ([audio(silence(1))], "The first message must be config"),
        ([pb.StreamingRecognitionRequest()], "The first message must be config"),
        ([], "The first message must be config"),
        ([config(), *messages(silence(1)), config()], "config may be sent once only, as the first message"),
        ([config(), pb.StreamingRecognitionRequest()], "A message must have audio_content"),
    ],
)
async def test_messages_in_a_wrong_order_are_refused(
    serving: Serving, requests: list[pb.StreamingRecognitionRequest], says: str
) -> None:
    client = await serving()
    answer = await client.recognize(requests)
    assert (answer.code, answer.details) == (INVALID, says)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00garbage" * 500,
        b"O",
        b"OggS" + b"\x00" * 5_000,
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        OggOpusEncoder(16_000).encode(silence(1))[:40] + b"x" * 9_000,
    ],
    ids=["garbage", "one byte", "zeros after the first sign", "another container", "broken in the headers"],
)
async def test_what_is_not_ogg_opus_is_refused(serving: Serving, content: bytes) -> None:
    client = await serving()
    answer = await client.recognize([config(audio_encoding=pb.RecognitionSpec.OGG_OPUS), *messages(content)])
    assert (answer.code, answer.details) == (INVALID, "The audio is not a valid Ogg stream of Opus")


async def test_audio_beyond_the_duration_ends_the_stream(serving: Serving) -> None:
    client = await serving(duration_seconds=5)
    allowed = await client.recognize([config(), *messages(silence(5))])
    assert allowed.code is grpc.StatusCode.OK
    answer = await client.recognize([config(), *messages(seconds(0, 5.2))])
    assert answer.code is grpc.StatusCode.OUT_OF_RANGE
    assert answer.details == "Exceeded maximum allowed stream duration"


@pytest.mark.parametrize("deliver_pending", [False, True])
async def test_what_is_pending_at_a_limit_is_delivered_if_wanted(serving: Serving, deliver_pending: bool) -> None:
    client = await serving(duration_seconds=4, deliver_pending=deliver_pending)
    answer = await client.recognize([config(), *messages(seconds(0.6, 6))])
    assert answer.code is grpc.StatusCode.OUT_OF_RANGE
    assert words(answer.text)[:4] == (["it", "was", "the", "best"] if deliver_pending else [])


async def test_the_duration_is_that_of_the_audio_and_not_of_its_bytes(serving: Serving) -> None:
    client = await serving(duration_seconds=3)
    encoder = OggOpusEncoder(16_000)
    content = encoder.encode(seconds(0, 6)) + encoder.finish()
    answer = await client.recognize([config(audio_encoding=pb.RecognitionSpec.OGG_OPUS), *messages(content, 500)])
    assert answer.code is grpc.StatusCode.OUT_OF_RANGE


async def test_more_bytes_than_allowed_end_the_stream(serving: Serving) -> None:
    client = await serving(audio_bytes=1_000_000)
    settings = config(sample_rate_hertz=48_000)
    assert (await client.recognize([settings, *messages(b"\0" * 1_000_000, 50_000)])).code is grpc.StatusCode.OK
    answer = await client.recognize([settings, *messages(b"\0" * 1_000_002, 50_000)])
    assert (answer.code, answer.details) == (INVALID, "audio should be less than 1MB")


@pytest.mark.parametrize("status", ["DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "OK"])
async def test_a_client_that_sends_nothing_for_too_long_is_ended(serving: Serving, status: str) -> None:
    client = await serving(idle_seconds=0.4, idle_status=status)
    stream = client.open()
    await stream.send(config(), *messages(silence(0.5)))
    began = time.monotonic()
    answer = await stream.end()
    assert answer.code.name == status
    assert 0.3 < time.monotonic() - began < 3
    assert answer.details == ("" if status == "OK" else "No message for 0.4 s: the session is terminated")


async def test_a_client_that_never_sends_its_settings_is_ended(serving: Serving) -> None:
    client = await serving(idle_seconds=0.2)
    assert (await client.open().end()).code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_empty_messages_keep_a_stream_alive(serving: Serving) -> None:
    client = await serving(idle_seconds=0.5)
    stream = client.open()
    await stream.send(config())
    ended = asyncio.ensure_future(stream.call.code())
    for _ in range(8):
        await stream.send(audio(b""))
        done, _ = await asyncio.wait({ended}, timeout=0.2)
        assert not done
    await stream.half_close()
    assert await ended is grpc.StatusCode.OK


async def test_more_streams_in_a_second_than_the_quota_are_refused(serving: Serving) -> None:
    client = await serving(opens_per_second=3, idle_seconds=0.2)
    answers = [await client.recognize([config()]) for _ in range(4)]
    assert [answer.code for answer in answers] == [grpc.StatusCode.OK] * 3 + [EXHAUSTED]
    assert answers[-1].details == "Quota exceeded: more than 3 streams were opened within a second"
    async with asyncio.timeout(5):
        while (await client.recognize([config()])).code is EXHAUSTED:
            pass  # each try is a round trip; the second passes


async def _opened(client: Client) -> Stream:
    """Return a stream that is being recognised."""
    stream = client.open()
    await stream.send(config(), *messages(seconds(0, 2.5)))
    await stream.next()
    return stream


async def test_streams_beyond_what_the_machine_keeps_up_with_are_refused_and_the_others_go_on(
    serving: Serving,
) -> None:
    client = await serving(max_streams=1)
    first = await _opened(client)
    refused = await client.recognize([config(), *messages(silence(0.5))])
    assert (refused.code, refused.chunks) == (EXHAUSTED, [])
    assert refused.details == "All streams that this recogniser serves at a time are in use (1)"
    await first.send(*messages(seconds(2.5, 4.5)))
    await first.half_close()
    assert "best of times" in " ".join(words((await first.end()).text))
    assert (await client.recognize([config()])).code is grpc.StatusCode.OK


async def test_no_flag_makes_more_streams_than_the_engine_keeps_up_with(serving: Serving) -> None:
    client = await serving(max_streams=1_000)
    streams: list[Stream] = []
    for number in itertools.count():
        assert number < 100
        stream = client.open()
        await stream.send(config())
        streams.append(stream)
        ended = asyncio.ensure_future(stream.call.code())
        await asyncio.wait({ended}, timeout=0.3)
        if ended.done():
            assert await ended is EXHAUSTED
            break
    for stream in streams:
        stream.call.cancel()


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secret2"])
async def test_a_wrong_token_is_refused_before_any_answer_and_not_repeated(
    serving: Serving, authorization: str
) -> None:
    client = await serving(token="secret")
    answer = await client.recognize([config(), *messages(silence(0.5))], authorization)
    assert (answer.code, answer.chunks) == (grpc.StatusCode.UNAUTHENTICATED, [])
    assert answer.details == "The token is missing or invalid"
    assert "secret" not in str(answer)
    assert "wrong" not in str(answer)


@pytest.mark.parametrize("authorization", ["Bearer secret", "Api-Key secret"])
async def test_both_forms_of_a_token_are_taken(serving: Serving, authorization: str) -> None:
    client = await serving(token="secret")
    assert (await client.recognize([config()], authorization)).code is grpc.StatusCode.OK


async def test_a_user_account_must_name_its_folder(serving: Serving) -> None:
    client = await serving(needs_folder=True)
    answer = await client.recognize([config()])
    assert answer.code is grpc.StatusCode.UNAUTHENTICATED
    assert answer.details == "You have to specify folder ID for user account"
    assert (await client.recognize([config(folder_id="b1g")])).code is grpc.StatusCode.OK


async def test_ids_come_with_every_answer_and_before_any_word(serving: Serving) -> None:
    client = await serving(token="secret")
    refused = await client.recognize([config()])
    stream = client.open("Bearer secret")
    early = dict(await asyncio.wait_for(stream.call.initial_metadata(), 5) or ())
    for headers in (refused.initial, early):
        assert headers["x-request-id"]
        assert headers["x-server-trace-id"]
    assert refused.initial["x-request-id"] != early["x-request-id"]
    stream.call.cancel()


class _Failing:
    """An engine of which every stream breaks at its first audio."""

    name = "failing"
    languages = ("en-US",)

    def capacity(self) -> int:
        return 5

    def open(self, language: str = "", *, end_silence: float | None = None) -> "_Failing":
        return self

    def hear(self, samples: Samples, *, partials: bool) -> list[Heard]:
        raise ZeroDivisionError("a secret of the engine's")

    def finish(self) -> list[Heard]:
        return []

    def close(self) -> None:
        pass


async def test_a_fault_of_the_engine_is_an_internal_error_that_gives_nothing_away(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    client = await serving(engines=(_Failing(),), max_streams=1)
    for _ in range(2):  # the broken stream's place is free again
        answer = await client.recognize([config(), *messages(silence(0.5))])
        assert (answer.code, answer.details) == (grpc.StatusCode.INTERNAL, "Internal server error")
    assert "ZeroDivisionError" in caplog.text
