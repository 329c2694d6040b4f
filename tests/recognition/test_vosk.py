"""vosk-server's gRPC: what it is asked for, what is made of its answers, and a whole session with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

import grpc
import grpc.aio
import numpy as np
import pytest

from captions.errors import SettingError, StreamError
from captions.events import Word
from captions.proto import stt_service_vosk_pb2 as pb
from captions.recognition.limits import StreamLimits
from captions.recognition.recognizer import Encoding, Hypothesis, RecognitionOptions, RecognitionStream
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.vosk import VOSK, VoskConversation
from captions.server.engines import Engine
from captions.server.limits import Limits
from tests.recognition.hurry import hurried
from tests.recognition.meeting import Meeting
from tests.recognition.streams import BLOCK, all_of, opened
from tests.recognition.tongues import VoskTongue
from tests.tone_code import Spoken, ToneEngine, encode, speech_like
from tests.vosk_server import SERVICE, VoskServer, VoskService

OPTIONS = RecognitionOptions(language_code="ko-KR")


def said(text: str, *words: Word, final: bool = False) -> pb.StreamingRecognitionResponse:
    alternative = pb.SpeechRecognitionAlternative(text=text)
    for word in words:
        info = alternative.words.add(word=word.text)
        info.start_time.FromMilliseconds(round(word.start * 1000))
        info.end_time.FromMilliseconds(round(word.end * 1000))
    chunk = pb.SpeechRecognitionChunk(alternatives=[alternative], final=final)
    return pb.StreamingRecognitionResponse(chunks=[chunk])


async def say(stream: RecognitionStream, spoken: Spoken) -> None:
    for start in range(0, len(spoken.samples), BLOCK):
        await stream.send(spoken.samples[start : start + BLOCK])


# What it is asked for


def test_it_is_asked_for_word_times_and_told_only_what_it_looks_at() -> None:
    options = RecognitionOptions(
        language_code="ru-RU", sample_rate_hertz=8_000, profanity_filter=True, single_utterance=True, folder_id="b1g"
    )
    assert VOSK.converse(options, "b1g").settings == pb.StreamingRecognitionRequest(
        config=pb.RecognitionConfig(
            specification=pb.RecognitionSpec(
                audio_encoding=pb.RecognitionSpec.LINEAR16_PCM,
                sample_rate_hertz=8_000,
                partial_results=True,
                enable_word_time_offsets=True,
            )
        )
    )


def test_audio_that_it_would_take_for_samples_is_refused() -> None:
    with pytest.raises(SettingError, match=r"A Vosk server takes audio as LINEAR16_PCM only\."):
        VOSK.converse(RecognitionOptions(audio_encoding=Encoding.OGG_OPUS), "")


async def test_samples_arrive_at_their_rate() -> None:
    async with VoskServer(ToneEngine()) as server:
        recognizer = RemoteRecognizer(VOSK, server.target, tls=False)
        async with opened(recognizer, RecognitionOptions(sample_rate_hertz=8_000)) as stream:
            await say(stream, encode([42], iter([0.5, 0.5]), rate=8_000))
            await stream.half_close()
            finals = [hypothesis for hypothesis in await all_of(stream) if hypothesis.final]
        await recognizer.aclose()
    assert [final.text for final in finals] == ["42"]
    assert "authorization" not in server.service.metadata[0]


# What is made of its answers


def test_a_final_ends_its_utterance_and_covers_the_audio_to_its_last_word() -> None:
    conversation = VoskConversation(OPTIONS)
    words = Word("one", 0.5, 0.9), Word("two", 1.02, 1.41)
    assert [*conversation.heard(said("one")), *conversation.heard(said("one two", *words, final=True))] == [
        Hypothesis("one", False, False, (), covered=0.0),
        Hypothesis("one two", True, True, words, covered=1.41),
    ]
    assert conversation.heard(said("three")) == [Hypothesis("three", False, False, (), covered=1.41)]


def test_an_empty_final_is_of_silence_and_ends_no_utterance() -> None:
    assert VoskConversation(OPTIONS).heard(said("", final=True)) == [Hypothesis("", True, False, (), covered=0.0)]


def test_a_server_of_before_2021_gives_no_times_and_covers_nothing_by_them() -> None:
    conversation = VoskConversation(OPTIONS)
    assert conversation.heard(said("one", final=True)) == [Hypothesis("one", True, True, (), covered=None)]
    assert conversation.heard(said("two")) == [Hypothesis("two", False, False, (), covered=None)]


def test_control_characters_of_a_server_reach_nobody() -> None:
    (hypothesis,) = VoskConversation(OPTIONS).heard(said("a\x1b[2Jb", Word("a\x1b[2Jb", 0.0, 1.0), final=True))
    assert isinstance(hypothesis, Hypothesis)
    assert (hypothesis.text, hypothesis.words[0].text) == ("a[2Jb", "a[2Jb")


# A server


async def heard(server: VoskServer, spoken: Spoken, options: RecognitionOptions = OPTIONS) -> list[Hypothesis]:
    recognizer = RemoteRecognizer(VOSK, server.target, tls=False)
    try:
        async with opened(recognizer, options) as stream:
            await say(stream, spoken)
            await stream.half_close()
            return await all_of(stream)
    finally:
        await recognizer.aclose()


async def test_every_word_comes_with_its_time() -> None:
    spoken = encode(range(40), speech_like(Random(1)))
    async with VoskServer(ToneEngine()) as server:
        finals = [hypothesis for hypothesis in await heard(server, spoken) if hypothesis.final]
    words = [word for final in finals for word in final.words]
    assert [word.text for word in words] == [word.text for word in spoken.words]
    for word, truth in zip(words, spoken.words, strict=True):
        assert word.start == pytest.approx(truth.start, abs=0.02)
        assert word.end == pytest.approx(truth.end, abs=0.02)
    assert all(final.end_of_utterance for final in finals if final.text)


async def test_a_long_silence_is_no_utterance_and_its_finals_say_nothing() -> None:
    silence = Spoken(np.zeros(16_000 * 12, np.int16), ())
    async with VoskServer(ToneEngine()) as server:
        finals = [hypothesis for hypothesis in await heard(server, silence) if hypothesis.final]
    assert [(final.text, final.end_of_utterance) for final in finals] == [("", False)] * 3


async def test_without_partials_there_are_finals_only() -> None:
    async with VoskServer(ToneEngine()) as server:
        options = RecognitionOptions(partial_results=False)
        said_ = await heard(server, encode(range(3), speech_like(Random(2))), options)
    assert all(hypothesis.final for hypothesis in said_)


@contextlib.asynccontextmanager
async def failing(*handlers: grpc.GenericRpcHandler) -> AsyncIterator[RemoteRecognizer]:
    """Give a recogniser at a server of something else, and close both."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(handlers)
    recognizer = RemoteRecognizer(VOSK, f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}", tls=False)
    await server.start()
    try:
        yield recognizer
    finally:
        await recognizer.aclose()
        await server.stop(None)


async def test_an_exception_of_the_server_is_told_as_that() -> None:
    async def fail(_: object, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        await context.read()
        await context.abort(grpc.StatusCode.UNKNOWN, "Exception calling application: Failed to process waveform")

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(fail)
    handler = grpc.method_handlers_generic_handler(SERVICE, {"StreamingRecognize": method})
    async with failing(handler) as recognizer:
        with pytest.raises(StreamError, match=r"UNKNOWN: .*Failed to process waveform.*its log says"):
            async with opened(recognizer) as stream:
                await all_of(stream)


async def test_a_server_of_another_service_is_told_by_the_name_of_the_one_that_was_asked_for() -> None:
    async with failing() as recognizer:
        with pytest.raises(StreamError, match=r"UNIMPLEMENTED.*it is no vosk recogniser"):
            async with opened(recognizer) as stream:
                await all_of(stream)


# Sessions


class _OneAtATime(VoskTongue):
    """A server on a machine with one processor."""

    def handler(self, engine: Engine, limits: Limits) -> grpc.GenericRpcHandler:
        return VoskService(engine, at_once=1).handler()


def test_a_server_that_serves_one_stream_at_a_time_hears_every_word_through_a_change_of_streams() -> None:
    async def talked() -> None:
        meeting = Meeting(
            seed=3,
            tongue=_OneAtATime(),
            stream_limits=StreamLimits(seconds=12.0),
            through_link=False,
        )
        async with meeting:
            await meeting.until(lambda: meeting.disturbed.opened > 4, None)
            await meeting.end()
        meeting.account().check()

    hurried(talked(), 8.0)


async def test_streams_that_wait_for_their_turn_get_it() -> None:
    spoken = encode([7], iter([0.5, 1.0]))
    async with VoskServer(ToneEngine(), at_once=1) as server:
        both = await asyncio.gather(heard(server, spoken), heard(server, spoken))
    assert [[h.text for h in one if h.final and h.text] for one in both] == [["7"], ["7"]]
