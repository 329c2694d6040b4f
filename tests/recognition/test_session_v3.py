"""A session through SpeechKit v3: its cursors, its ends of utterance and its remarks."""

from contextlib import AbstractAsyncContextManager

import grpc
import numpy as np
import pytest

from captions.audio.block import Samples
from captions.events import Final, Gap, Notice, Partial, Phase
from captions.proto import stt_v3_pb2 as pb
from tests.events_v3 import eou, final, partial, refined, status
from tests.recognition.streams import V3
from tests.recognition.test_session import RATE, Running, running
from tests.scripted_server import Script, ServedStream


def v3_running(*scripts: Script) -> AbstractAsyncContextManager[Running]:
    return running(*scripts, service=V3)


async def hears_the_rest(stream: ServedStream) -> None:
    """Answers after the half-close with how many samples came."""
    await stream.config()
    samples = len(await stream.until_half_close()) // 2
    await stream.reply(final(f"{samples} samples", until=samples / RATE), refined(f"{samples} samples"), eou())


async def push(run: Running, samples: Samples) -> None:
    run.session.use_input("talk")
    source = await run.source()
    for block in np.split(samples, range(1_600, len(samples), 1_600)):
        source.push(block)
    source.end()


@pytest.mark.parametrize("until", [0.1, 0.123, 0.2])
async def test_after_a_break_the_next_stream_begins_at_the_services_own_cursor(until: float) -> None:
    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(4_800)
        await stream.reply(final("covered", until=until), refined("Covered."), eou(until))
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    samples = np.arange(2, 8_002, dtype=np.int16)
    first = round(until * RATE)
    async with v3_running(breaks, hears_the_rest) as run:
        await push(run, samples)
        assert await run.finals(2) == ["Covered.", f"{8_000 - first} samples"]
        assert run.server.streams[1].received == samples[first:].tobytes()
        assert not run.of(Gap)


async def test_a_final_that_was_held_when_the_stream_broke_is_told_and_not_heard_again() -> None:
    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(4_800)
        await stream.reply(final("held", until=0.2), partial("and", until=0.2))
        await stream.abort(grpc.StatusCode.INTERNAL, "gone")

    samples = np.arange(2, 8_002, dtype=np.int16)
    async with v3_running(breaks, hears_the_rest) as run:
        await push(run, samples)
        assert await run.finals(2) == ["held", "4800 samples"]
        assert run.server.streams[1].received == samples[3_200:].tobytes()
        assert [event.text for event in run.of(Partial) if event.unconfirmed] == ["and"]


async def test_the_cursor_of_a_partial_is_no_reason_to_lose_words_whose_final_is_on_the_way() -> None:
    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(4_800)
        await stream.reply(partial("words"), partial("words", until=0.3), partial(until=0.3))
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    samples = np.arange(2, 8_002, dtype=np.int16)
    async with v3_running(breaks, hears_the_rest) as run:
        await push(run, samples)
        assert await run.finals(1) == ["8000 samples"]


async def test_a_cursor_beyond_what_was_sent_skips_no_audio() -> None:
    async def runs_ahead(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(1_600)
        await stream.reply(final("early", until=0.35), refined("early"), eou(0.35))
        await stream.until_half_close()

    async with v3_running(runs_ahead) as run:
        run.session.use_input("talk")
        source = await run.source()
        samples = np.arange(2, 8_002, dtype=np.int16)
        source.push(samples[:1_600])
        await run.finals(1)
        source.push(samples[1_600:])
        source.end()
        await run.phase(Phase.ENDED)
        assert run.server.streams[0].received == samples.tobytes()


async def test_captions_have_the_places_of_their_words_and_their_language() -> None:
    async def speaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(RATE)
        words = [("guten", 0.25, 0.5), ("Tag", 0.5, 0.75)]
        await stream.reply(final("guten Tag", words=words, until=1.0, languages={"de-DE": 0.9, "en-US": 0.1}))
        await stream.reply(refined("Guten Tag."), eou(1.0))
        await stream.until_half_close()

    async with v3_running(speaks) as run:
        run.session.use_input("talk")
        (await run.source()).push_seconds(1)
        assert await run.finals(1) == ["Guten Tag."]
        (caption,) = run.of(Final)
        assert (caption.start, caption.end) == pytest.approx((0.25, 0.75))
        assert (caption.language, caption.end_of_utterance) == ("de-DE", True)
        assert [word.text for word in caption.words] == ["guten", "Tag"]


async def test_a_session_of_one_utterance_ends_where_the_service_says_it_has_ended() -> None:
    async def one(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(1_600)
        await stream.reply(status(), partial(), eou(0.01), final("one", until=0.1), refined("One."))
        await stream.reply(eou(0.1), partial("two", until=0.1))
        await stream.until_half_close()

    async with v3_running(one) as run:
        run.session.use_listening(run.listening(single_utterance=True))
        run.session.use_input("talk")
        (await run.source()).push_seconds(0.1)
        state = await run.phase(Phase.PAUSED)
        assert state.detail == "one utterance was heard"
        await run.until(lambda: bool(run.of(Final)))
        assert run.of(Final)[0].text == "One."


async def test_what_the_service_says_of_the_stream_is_told_once() -> None:
    async def warns(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(status(pb.WORKING, "fine"), status(pb.WARNING, "not in real time"))
        await stream.reply(status(pb.WARNING, "not in real time"), final("word"), refined("word"), eou())
        await stream.until_half_close()

    async with v3_running(warns) as run:
        run.session.use_input("talk")
        (await run.source()).push_seconds(0.1)
        await run.finals(1)
        (notice,) = run.of(Notice)
        assert notice.message.endswith("says: not in real time")


async def test_text_that_only_a_partial_had_at_the_end_is_kept() -> None:
    async def tail(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(1_600)
        await stream.reply(final("first", until=0.05), partial("last words", until=0.05))
        await stream.until_half_close()

    async with v3_running(tail) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.1)
        await run.until(lambda: bool(run.of(Partial)))
        source.end()
        await run.phase(Phase.ENDED)
        assert [event.text for event in run.of(Final)] == ["first", "last words"]
