"""What a stream sends, and what it makes of every shape of answer."""

import asyncio
import uuid

import grpc
import pytest

from captions.errors import StreamError
from captions.events import Word
from captions.proto import stt_service_v2_pb2 as pb
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.recognizer import Hypothesis, RecognitionOptions
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.remote_stream import RESULTS_KEPT
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from tests.recognition.streams import (
    BLOCK,
    ENGLISH,
    all_of,
    hypotheses_of,
    noise,
    opened,
    recognizer_at,
    stream_to,
    texts_of,
)
from tests.scripted_server import ScriptedServer, ServedStream, final, partial


async def listen_to_the_end(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()


async def test_all_settings_go_first_in_one_message() -> None:
    options = RecognitionOptions(
        language_code="de-DE",
        model="general:rc",
        sample_rate_hertz=8_000,
        profanity_filter=True,
        partial_results=False,
        raw_results=True,
        literature_text=True,
        single_utterance=True,
        folder_id="b1g",
    )
    async with ScriptedServer(listen_to_the_end) as server, stream_to(server, options) as stream:
        await stream.half_close()
        assert await all_of(stream) == []
        assert server.streams[0].settings == pb.RecognitionConfig(
            specification=pb.RecognitionSpec(
                audio_encoding=pb.RecognitionSpec.LINEAR16_PCM,
                sample_rate_hertz=8_000,
                language_code="de-DE",
                profanity_filter=True,
                model="general:rc",
                partial_results=False,
                single_utterance=True,
                raw_results=True,
                literature_text=True,
            ),
            folder_id="b1g",
        )


async def test_samples_arrive_bit_for_bit_one_message_a_block() -> None:
    audio = noise(BLOCK * 50 + 7)
    async with ScriptedServer(listen_to_the_end) as server, stream_to(server) as stream:
        for start in range(0, len(audio), BLOCK):
            await stream.send(audio[start : start + BLOCK])
        await stream.half_close()
        await stream.half_close()
        assert await all_of(stream) == []
        assert server.streams[0].received == audio.astype("<i2").tobytes()
        assert [len(message) for message in server.streams[0].messages] == [BLOCK * 2] * 50 + [14]


async def test_an_empty_block_is_not_sent() -> None:
    async with ScriptedServer(listen_to_the_end) as server, stream_to(server) as stream:
        await stream.send(noise(0))
        await stream.half_close()
        await all_of(stream)
        assert server.streams[0].messages == []


async def test_every_stream_has_a_request_id_of_its_own_and_no_authorization_without_credentials() -> None:
    async with ScriptedServer(listen_to_the_end) as server, recognizer_at(server.target) as recognizer:
        for _ in range(2):
            async with opened(recognizer) as stream:
                await stream.half_close()
                await all_of(stream)
    ids = {uuid.UUID(str(served.metadata["x-client-request-id"])) for served in server.streams}
    assert len(ids) == 2
    assert all("authorization" not in served.metadata for served in server.streams)


@pytest.mark.parametrize(
    ("kind", "header", "folder_id"),
    [(Kind.IAM_TOKEN, "Bearer t1.secret", "folder"), (Kind.API_KEY, "Api-Key t1.secret", "")],
)
async def test_credentials_go_in_the_header_and_a_users_folder_in_the_settings(
    kind: Kind, header: str, folder_id: str
) -> None:
    async with ScriptedServer(listen_to_the_end, authorization=header) as server:
        recognizer = RemoteRecognizer(
            SPEECHKIT_V2,
            server.target,
            tls=False,
            authorization=Found(lambda: Credentials(kind, "t1.secret", "folder")),
        )
        async with opened(recognizer) as stream:
            await stream.half_close()
            assert await all_of(stream) == []
        await recognizer.aclose()
        settings = server.streams[0].settings
        assert settings is not None
        assert settings.folder_id == folder_id  # an API key is a service account's, which has a folder of its own


async def test_every_chunk_of_every_response_comes_in_order() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.reply(partial("one"))
        await stream.reply()
        await stream.reply(partial("one two"), final("One two"), final("three.", end_of_utterance=True))
        await stream.reply(partial(""))
        await stream.reply(partial("likeliest", "less likely"))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        await stream.send(noise(BLOCK))
        assert await all_of(stream) == [
            Hypothesis("one", final=False, end_of_utterance=False),
            Hypothesis("one two", final=False, end_of_utterance=False),
            Hypothesis("One two", final=True, end_of_utterance=False),
            Hypothesis("three.", final=True, end_of_utterance=True),
            Hypothesis("", final=False, end_of_utterance=False),
            Hypothesis("likeliest", final=False, end_of_utterance=False),
        ]


async def test_chunks_without_alternatives_count_only_for_what_they_end() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(pb.SpeechRecognitionChunk())
        await stream.reply(pb.SpeechRecognitionChunk(final=True))
        await stream.reply(pb.SpeechRecognitionChunk(final=True, end_of_utterance=True))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        assert await all_of(stream) == [
            Hypothesis("", final=True, end_of_utterance=False),
            Hypothesis("", final=True, end_of_utterance=True),
        ]


async def test_text_that_ends_an_utterance_is_final_even_if_not_marked_so() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        chunk = partial("done")
        chunk.end_of_utterance = True
        await stream.reply(chunk)

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        assert await all_of(stream) == [Hypothesis("done", final=True, end_of_utterance=True)]


async def test_text_that_comes_only_after_the_half_close_is_heard() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(partial("the last"))
        await stream.reply(final("the last words", end_of_utterance=True))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        await stream.send(noise(BLOCK))
        await stream.half_close()
        assert await texts_of(stream) == ["the last", "the last words"]


async def test_word_times_are_kept_in_seconds() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final("hello world", words=[("hello", 0.25, 1.5), ("world", 61.5, 62.001)]))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        [hypothesis] = await all_of(stream)
        assert hypothesis.words == (Word("hello", 0.25, 1.5), Word("world", 61.5, 62.001))


async def test_control_characters_never_get_through() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final(" a\x1b[2Jb\x9bc\nd\u202ee ", words=[("w\x07", 0, 1)]))
        await stream.abort(grpc.StatusCode.INTERNAL, "bad\x1b]0;title\x07 thing")

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        heard = hypotheses_of(stream)
        hypothesis = await anext(heard)
        assert hypothesis.text == "a[2Jbc de"
        assert hypothesis.words[0].text == "w"
        with pytest.raises(StreamError) as caught:
            await anext(heard)
        assert caught.value.details == "bad]0;title thing"


async def test_a_response_of_ten_megabytes_is_read() -> None:
    text = "word " * 2_000_000

    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final(text))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        assert await texts_of(stream) == [text.strip()]


async def test_whoever_stops_waiting_for_a_hypothesis_does_not_end_the_stream() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.reply(final("still here"))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        waiting = asyncio.create_task(all_of(stream))
        await server.stream(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        await stream.send(noise(BLOCK))
        assert await texts_of(stream) == ["still here"]


async def test_more_hypotheses_than_are_kept_make_the_service_wait_and_none_is_lost() -> None:
    count = RESULTS_KEPT * 3

    async def script(stream: ServedStream) -> None:
        await stream.config()
        for number in range(count):
            await stream.reply(partial(str(number)))
        await stream.reply(final("end"))

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        await (await server.stream(0)).ended.wait()
        assert await texts_of(stream) == [*map(str, range(count)), "end"]


async def test_cancelling_with_hypotheses_untaken_ends_them_quietly() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        for _ in range(RESULTS_KEPT * 2):
            await stream.reply(partial("word"))
        await stream.stall()

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        heard = hypotheses_of(stream)
        await anext(heard)
        await stream.cancel()
        await stream.cancel()
        assert [hypothesis async for hypothesis in heard] == []
        await (await server.stream(0)).ended.wait()


async def test_cancelling_wakes_whoever_waits_for_hypotheses() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.stall()

    async with ScriptedServer(script) as server, stream_to(server) as stream:
        waiting = asyncio.create_task(all_of(stream))
        await (await server.stream(0)).config_read.wait()
        await stream.cancel()
        assert await waiting == []


async def test_audio_cannot_follow_the_half_close() -> None:
    async with ScriptedServer(listen_to_the_end) as server, stream_to(server) as stream:
        await stream.half_close()
        with pytest.raises(RuntimeError, match="half-close"):
            await stream.send(noise(BLOCK))


async def test_streams_side_by_side_share_a_connection_and_keep_apart() -> None:
    async def echo(stream: ServedStream) -> None:
        settings = await stream.config()
        while len(await stream.audio(BLOCK)):
            await stream.reply(partial(settings.specification.language_code))

    async with ScriptedServer(echo) as server, recognizer_at(server.target) as recognizer:
        async with opened(recognizer, RecognitionOptions("ru-RU")) as first, opened(recognizer, ENGLISH) as second:
            for stream in (first, second, first):
                await stream.send(noise(BLOCK))
            await first.half_close()
            await second.half_close()
            assert await texts_of(first) == ["ru-RU", "ru-RU"]
            assert await texts_of(second) == ["en-US"]
        assert len({served.peer for served in server.streams}) == 1
