"""A session carries all sound to a recogniser and tells what was heard, in the order of the audio."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import grpc
import numpy as np
import pytest

from captions.audio.block import AudioBlock
from captions.audio.pauses import SpeechDetector
from captions.audio.source import AudioFormat
from captions.errors import InputError, StreamError
from captions.events import (
    Backlog,
    Event,
    Final,
    Gap,
    InputChanged,
    Notice,
    Partial,
    Paused,
    Phase,
    Resumed,
    SessionState,
    StreamEnded,
)
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.listening import Listening
from captions.recognition.recognizer import RecognitionOptions
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.session import Session
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from tests.pushed_source import Inputs, PushedSource
from tests.recognition.streams import V2, Service, v2_at
from tests.scripted_server import Script, ScriptedServer, ServedStream, final, partial

Told = TypeVar("Told", bound=Event)
RATE = 16_000


class ToldDetector(SpeechDetector):
    """Finds speech from where a test says."""

    speech_from = float("inf")

    def __init__(self) -> None:
        self.heard = 0.0

    @property
    def speaking(self) -> bool:
        return self.heard > self.speech_from

    @property
    def quiet_since(self) -> float:
        return self.heard if self.speaking else 0.0

    def hear(self, block: AudioBlock) -> None:
        self.heard = block.end / block.rate

    def between(self, start: float, end: float) -> tuple[float, float] | None:
        first = max(start, self.speech_from)
        return (first, end) if first < end else None

    def amount(self, start: float, end: float) -> float:
        return max(0.0, end - max(start, self.speech_from))

    def pause_before(self, time: float, earliest: float) -> float:
        return max(earliest, min(time, self.speech_from))


class Running:
    """A session at work against a scripted server."""

    def __init__(self, server: ScriptedServer, inputs: Inputs, service: Service) -> None:
        self.server = server
        self.inputs = inputs
        self.events: list[Event] = []
        self._told = asyncio.Condition()
        self.recognizer = service.at(server.target, tls=False)
        self.detector = ToldDetector()
        self.session = Session(
            self.listening(), self._tell, open_source=inputs.open, make_detector=lambda time: self.detector
        )

    def listening(self, rate: int = RATE, **options: object) -> Listening:
        made = RecognitionOptions(sample_rate_hertz=rate, **options)  # type: ignore[arg-type]
        return Listening(self.recognizer, lambda languages: made, AudioFormat(rate=rate))

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        async def notify() -> None:
            async with self._told:
                self._told.notify_all()

        self._notifying = asyncio.ensure_future(notify())

    def of(self, kind: type[Told]) -> list[Told]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._told:
            await asyncio.wait_for(self._told.wait_for(condition), 10)

    async def phase(self, phase: Phase) -> SessionState:
        await self.until(lambda: self.session.phase is phase)
        return self.of(SessionState)[-1]

    async def finals(self, count: int) -> list[str]:
        await self.until(lambda: len(self.of(Final)) >= count)
        return [event.text for event in self.of(Final)]

    async def source(self) -> PushedSource:
        return await asyncio.wait_for(self.inputs.opened.get(), 10)


@asynccontextmanager
async def running(*scripts: Script, inputs: Inputs | None = None, service: Service = V2) -> AsyncIterator[Running]:
    async with service.server(*scripts) as server:
        made = Running(server, inputs or Inputs(), service)
        watching = asyncio.create_task(made.session.run())
        try:
            yield made
        finally:
            await made.session.stop(0.1)
            await made.recognizer.aclose()
            if watching.done():
                watching.result()
            watching.cancel()


async def test_text_that_turns_out_to_be_nothing_leaves_the_screen() -> None:
    """Recognisers take a noise for a word, and take it back in a final without text."""

    async def takes_back(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(RATE)
        await stream.reply(partial("the"))
        await stream.reply(final("", end_of_utterance=True))
        await stream.until_half_close()

    async with running(takes_back) as at_work:
        at_work.session.use_input("microphone")
        source = await at_work.source()
        source.push_seconds(2.0)
        await at_work.until(lambda: len(at_work.of(Partial)) == 2)
        assert [event.text for event in at_work.of(Partial)] == ["the", ""]
        assert at_work.of(Final) == []


async def hears_everything(stream: ServedStream) -> None:
    """Answers after the half-close with how many samples came."""
    await stream.config()
    content = await stream.until_half_close()
    await stream.reply(final(f"{len(content) // 2} samples", end_of_utterance=True))


async def test_every_sample_of_a_file_reaches_the_recogniser_and_its_last_words_are_waited_for() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        samples = np.arange(8_000, dtype=np.int16)
        for block in np.split(samples, 5):
            source.push(block)
        source.end()
        await run.phase(Phase.ENDED)
        assert [event.text for event in run.of(Final)] == ["8000 samples"]
        assert run.server.streams[0].received == samples.tobytes()
        assert source.closed


async def test_partials_replace_and_finals_add_with_times_that_never_run_back() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(RATE)
        await stream.reply(partial("it"))
        await stream.reply()
        await stream.reply(partial("it was"), partial("it was the"))
        await stream.reply(final("it was the"), final("best", end_of_utterance=True))
        await stream.audio(RATE)
        await stream.reply(final("of times", end_of_utterance=True))
        await stream.until_half_close()

    async with running(script) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(1)
        assert await run.finals(2) == ["it was the", "best"]
        source.push_seconds(1)
        assert await run.finals(3) == ["it was the", "best", "of times"]
        assert [event.text for event in run.of(Partial)][-1] == "it was the"
        finals = run.of(Final)
        assert [event.end_of_utterance for event in finals] == [False, True, True]
        for before, after in pairwise(finals):
            assert before.start <= before.end <= after.start <= after.end
        assert finals[-1].end == pytest.approx(2.0, abs=0.11)


async def test_word_times_place_a_caption_on_the_clock_of_the_session() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(RATE)
        await stream.reply(final("hello", end_of_utterance=True, words=[("hello", 0.25, 0.75)]))
        await stream.until_half_close()

    async with running(script) as run:
        run.session.use_input("one")
        (await run.source()).push_seconds(1)
        await run.finals(1)
        run.session.use_input("two")
        (await run.source()).push_seconds(1)
        await run.finals(2)
        first, second = run.of(Final)
        assert (first.start, first.end) == pytest.approx((0.25, 0.75))
        assert (second.start, second.end) == pytest.approx((1.25, 1.75))
        assert [word.text for word in second.words] == ["hello"]
        assert second.words[0].start == pytest.approx(1.25)


async def test_another_input_gets_another_stream_and_words_of_the_first_come_first() -> None:
    async def slow(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        second = await run.server.stream(1)
        await second.audio(1_600)
        await stream.reply(final("first words", end_of_utterance=True))

    async def quick(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("second"))
        await stream.reply(final("second words", end_of_utterance=True))
        await stream.ended.wait()

    async with running(slow, quick) as run:
        run.session.use_input("one")
        (await run.source()).push_seconds(0.5)
        await run.server.stream(0)
        run.session.use_input("two")
        source = await run.source()
        source.push_seconds(0.5)
        assert await run.finals(2) == ["first words", "second words"]
        assert [event.name for event in run.of(InputChanged)] == ["one", "two"]
        assert run.of(InputChanged)[1].time == pytest.approx(0.5)


async def test_a_pause_ends_the_stream_and_nothing_is_sent_until_the_session_goes_on() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        await run.phase(Phase.LISTENING)
        run.session.pause()
        assert source.paused
        assert await run.finals(1) == ["8000 samples"]
        assert run.session.phase is Phase.PAUSED
        source.push_seconds(0.1)
        await run.until(lambda: run.session.time == pytest.approx(0.6))
        run.session.resume()
        source.push_seconds(0.5)
        await run.phase(Phase.LISTENING)
        source.end()
        texts = await run.finals(3)
        assert texts == ["8000 samples", "1600 samples", "8000 samples"]
        assert [type(event) for event in run.events if isinstance(event, Paused | Resumed)] == [Paused, Resumed]


async def test_a_pause_while_the_input_is_being_opened_holds() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        run.session.pause()
        source = await run.source()
        await run.until(lambda: bool(run.of(InputChanged)))
        assert source.paused
        assert run.session.phase is Phase.PAUSED
        run.session.resume()
        assert not source.paused
        source.push_seconds(0.5)
        source.end()
        assert await run.finals(1) == ["8000 samples"]


async def test_other_settings_take_over_at_a_sample_and_lose_none() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.3)
        await run.phase(Phase.LISTENING)
        run.session.use_listening(run.listening(language_code="en-US"))
        source.push_seconds(0.2)
        source.end()
        # The cut is within the first block of silence after the change, in its middle.
        assert await run.finals(2) == ["5600 samples", "2400 samples"]
        languages = [s.settings.specification.language_code for s in run.server.streams if s.settings]
        assert languages == ["ru-RU", "en-US"]


async def test_other_settings_wait_for_a_pause_in_speech_but_not_for_ever() -> None:
    async with running(hears_everything) as run:
        run.detector.speech_from = 0.0
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        await run.phase(Phase.LISTENING)
        run.session.use_listening(run.listening(language_code="en-US"))
        source.push_seconds(4.0)
        source.end()
        assert await run.finals(2) == ["40800 samples", "31200 samples"]


async def test_another_sample_rate_keeps_the_clock() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        await run.phase(Phase.LISTENING)
        run.session.use_listening(run.listening(rate=8_000))
        source = await run.source()
        assert source.format.rate == 8_000
        source.push_seconds(0.5)
        source.end()
        await run.finals(2)
        assert run.session.time == pytest.approx(1.0)
        assert run.of(Final)[1].end == pytest.approx(1.0, abs=0.11)
        assert len(run.of(InputChanged)) == 1


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED,
     grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.FAILED_PRECONDITION],
)  # fmt: skip
async def test_a_stream_that_breaks_is_followed_by_another_with_what_was_not_covered(code: grpc.StatusCode) -> None:
    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(4_800)
        await stream.reply(final("covered", end_of_utterance=True, words=[("covered", 0.0, 0.1)]))
        await stream.abort(code, "broken")

    async with running(breaks, hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        samples = np.arange(8_000, dtype=np.int16)
        for block in np.split(samples, 5):
            source.push(block)
        source.end()
        assert await run.finals(2) == ["covered", "6400 samples"]
        assert run.server.streams[1].received == samples[1_600:].tobytes()
        detail = next(s.detail for s in run.of(SessionState) if s.phase is Phase.RECONNECTING)
        assert f"{code.name}: broken" in detail
        assert not detail.startswith(code.name)  # but with what to do: a narrow screen cuts the end off
        assert not run.of(Gap)


async def test_a_stream_that_the_service_ends_early_is_followed_by_another() -> None:
    async def ends(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(1_600)

    async with running(ends, hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        await run.server.stream(1)
        source.end()
        assert await run.finals(1) == ["8000 samples"]


async def test_the_ten_megabyte_limit_is_followed_by_another_stream() -> None:
    async def full(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.INVALID_ARGUMENT, "audio should be less than 10MB")

    async with running(full, hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        source.end()
        assert await run.finals(1) == ["8000 samples"]


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
)
async def test_what_a_retry_cannot_mend_stops_with_the_services_words_until_the_settings_change(
    code: grpc.StatusCode,
) -> None:
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(code, "no such thing")

    async with running(refuses, hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        state = await run.phase(Phase.FAILED)
        assert "no such thing" in state.detail
        assert "no such thing" in run.of(Notice)[0].message
        assert isinstance(run.session.error, StreamError)
        source.push_seconds(0.5)
        await run.until(lambda: run.session.time == pytest.approx(1.0))
        run.session.use_listening(run.listening(language_code="en-US"))
        source.push_seconds(0.5)
        source.end()
        assert await run.finals(1) == ["24000 samples"]
        assert run.session.error is None


async def test_kept_audio_is_bounded_and_what_is_beyond_becomes_a_gap() -> None:
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, "bad token")

    async with running(refuses, hears_everything) as run:
        run.session.use_listening(replace(run.listening(), kept_seconds=1.0))
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        await run.phase(Phase.FAILED)
        source.push_seconds(2.0)
        await run.until(lambda: run.session.time == pytest.approx(2.5))
        run.session.use_listening(run.listening())
        source.end()
        assert await run.finals(1) == ["16000 samples"]
        (gap,) = run.of(Gap)
        assert (gap.start, gap.end) == pytest.approx((0.0, 1.5))


async def test_audio_that_was_let_go_before_its_stream_broke_is_a_gap() -> None:
    received = asyncio.Semaphore(0)

    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("it"))
        for _ in range(6):
            await stream.audio(8_000)
            received.release()
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async with running(breaks, hears_everything) as run:
        run.session.use_listening(replace(run.listening(), kept_seconds=1.0))
        run.session.use_input("talk")
        source = await run.source()
        for _ in range(6):
            source.push_seconds(0.5)
            await asyncio.wait_for(received.acquire(), 10)
        await run.server.stream(1)
        source.end()
        (text,) = await run.finals(1)
        (gap,) = run.of(Gap)
        assert gap.start == 0.0
        assert gap.end == pytest.approx(3.0 - int(text.split()[0]) / RATE)
        assert gap.end == pytest.approx(2.0, abs=0.2)


async def test_an_input_that_cannot_be_opened_is_told_and_another_can_be_chosen() -> None:
    async with running(hears_everything, inputs=Inputs("nothing")) as run:
        run.session.use_input("nothing")
        state = await run.phase(Phase.NO_INPUT)
        assert state.detail == "There is no nothing."
        assert run.of(Notice)[0].hint == "Choose another input."
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.1)
        source.end()
        await run.phase(Phase.ENDED)


async def test_an_input_that_breaks_off_still_has_its_last_words_heard() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.1)
        source.end(InputError("The microphone was unplugged."))
        await run.phase(Phase.NO_INPUT)
        assert await run.finals(1) == ["1600 samples"]


async def test_text_that_no_final_confirmed_is_kept_when_the_stream_ends() -> None:
    async def never_final(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("last words"))
        await stream.until_half_close()

    async with running(never_final) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.1)
        source.end()
        await run.phase(Phase.ENDED)
        assert [event.text for event in run.of(Final)] == ["last words"]


async def test_stopping_keeps_what_was_on_the_screen_even_when_the_service_hangs() -> None:
    async def hangs(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("last words"))
        await stream.stall()

    async with running(hangs) as run:
        run.session.use_input("talk")
        (await run.source()).push_seconds(0.1)
        await run.until(lambda: bool(run.of(Partial)))
        await run.session.stop(0.1)
        assert [event.text for event in run.of(Final)] == ["last words"]
        assert not run.of(Gap)
        (ended,) = run.of(StreamEnded)
        assert ended.units == 1


async def test_what_nobody_heard_when_the_session_ends_is_a_gap() -> None:
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    async with running(refuses) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        await run.phase(Phase.FAILED)
        source.push_seconds(0.5)
        await run.until(lambda: run.session.time == pytest.approx(1.0))
        await run.session.stop(0.1)
        (gap,) = run.of(Gap)
        assert (gap.start, gap.end) == pytest.approx((0.0, 1.0))


async def test_streams_are_counted_as_they_are_billed() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(20.0)
        await run.until(lambda: run.session.time == pytest.approx(20.0))
        run.session.pause()
        await run.finals(1)
        run.session.resume()
        source.push_seconds(0.5)
        source.end()
        await run.phase(Phase.ENDED)
        assert [(event.units, event.units_so_far) for event in run.of(StreamEnded)] == [(2, 2), (1, 3)]


async def test_in_a_long_silence_the_stream_is_ended_and_the_first_word_after_it_is_whole() -> None:
    async with running(hears_everything) as run:
        run.session.use_listening(replace(run.listening(), silence_seconds=3.0))
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(20.0)
        assert await run.finals(1) == ["49600 samples"]
        run.detector.speech_from = 20.5
        source.push_seconds(1.5)
        await run.until(lambda: run.session.time == pytest.approx(21.5))
        source.end()
        texts = await run.finals(2)
        assert int(texts[1].split()[0]) == pytest.approx(2.0 * RATE, abs=0.2 * RATE)
        assert run.of(Final)[1].wall > run.of(Final)[0].wall


async def test_credentials_that_were_refused_are_read_again_once() -> None:
    async def refuses(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, "the token has run out")

    async with running(refuses, hears_everything) as run:
        old, new = (Credentials(Kind.IAM_TOKEN, secret) for secret in ("old", "new"))
        run.recognizer = RemoteRecognizer(
            SPEECHKIT_V2, run.server.target, tls=False, authorization=Found(iter([old, new]).__next__)
        )
        run.session.use_listening(run.listening())
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        source.end()
        assert await run.finals(1) == ["8000 samples"]
        assert [stream.metadata["authorization"] for stream in run.server.streams] == ["Bearer old", "Bearer new"]


async def test_a_stream_that_says_nothing_while_speech_goes_on_is_taken_for_dead() -> None:
    async def mute(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()

    async with running(mute, hears_everything) as run:
        run.session._silent_limit = 2.0
        run.detector.speech_from = 0.0
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(3.0)
        await run.server.stream(1)
        assert "said nothing during 2 s of speech" in run.of(SessionState)[-2].detail + run.of(SessionState)[-1].detail
        source.end()
        assert await run.finals(1) == ["48000 samples"]


async def test_text_of_a_stream_that_broke_stays_as_unconfirmed_until_it_is_heard_again() -> None:
    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("it was"))
        await stream.audio(1_600)
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async def confirms(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(8_000)
        await stream.reply(final("it was the best", end_of_utterance=True))
        await stream.until_half_close()

    async with running(breaks, confirms) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        source.end()
        assert await run.finals(1) == ["it was the best"]
        assert [(event.text, event.unconfirmed) for event in run.of(Partial)] == [("it was", False), ("it was", True)]


async def test_one_utterance_pauses_the_session_when_that_was_asked_for() -> None:
    async def one(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(1_600)
        await stream.reply(final("one", end_of_utterance=True))
        await stream.until_half_close()

    async with running(one) as run:
        run.session.use_listening(run.listening(single_utterance=True))
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.1)
        assert await run.finals(1) == ["one"]
        state = await run.phase(Phase.PAUSED)
        assert state.detail == "one utterance was heard"
        run.session.resume()
        source.push_seconds(0.1)
        assert await run.finals(2) == ["one", "one"]


async def test_sound_that_was_not_taken_in_time_is_a_gap() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("microphone")
        source = await run.source()
        source.push_seconds(0.1)
        await run.until(lambda: run.session.time == pytest.approx(0.1))
        source._position += 3_200
        source.push_seconds(0.1)
        source.end()
        await run.phase(Phase.ENDED)
        (gap,) = run.of(Gap)
        assert (gap.start, gap.end) == pytest.approx((0.1, 0.3))
        assert [event.text for event in run.of(Final)] == ["1600 samples", "1600 samples"]


async def test_a_recogniser_that_was_replaced_is_let_go_of_when_it_has_said_its_last_words() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.1)
        await run.phase(Phase.LISTENING)
        first = run.recognizer
        run.recognizer = v2_at(run.server.target, tls=False)
        run.session.use_listening(run.listening())
        source.push_seconds(0.4)
        await asyncio.wait_for(run.session.let_go(first), 5)
        assert [event.text for event in run.of(Final)] == ["4000 samples"]
        await first.aclose()


async def test_what_is_left_of_an_input_is_listened_to_once_its_stream_works_again() -> None:
    """Its segment is not live any more, and no block comes that would tell how much still waits."""
    go_on = asyncio.Event()

    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(1_600)
        await stream.until_half_close()
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async def hears(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(partial("heard"))
        await go_on.wait()
        await stream.reply(final("heard", end_of_utterance=True))

    async with running(breaks, breaks, hears) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.5)
        source.end()
        await run.until(lambda: [event.text for event in run.of(Partial)] == ["heard"])
        assert run.session.phase is Phase.LISTENING
        assert [state.phase for state in run.of(SessionState)][-3:] == [
            Phase.LISTENING,
            Phase.RECONNECTING,
            Phase.LISTENING,
        ]
        assert run.of(Backlog)[-1] == Backlog(0.0, 0)
        go_on.set()
        await run.phase(Phase.ENDED)


async def test_a_clean_end_without_a_final_of_the_last_speech_is_doubted() -> None:
    """A partial is no last word: the service may have died before it."""

    async def ends_early(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(partial("one"))

    async def hears(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(final("one two three", end_of_utterance=True))

    async with running(ends_early, hears) as run:
        run.detector.speech_from = 0.0
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(3.0)
        source.end()
        await run.phase(Phase.ENDED)
        assert [event.text for event in run.of(Final)] == ["one two three"]
        assert "no final words of the last 3 s of speech" in "".join(state.detail for state in run.of(SessionState))


async def test_a_clean_end_is_not_doubted_twice() -> None:
    async def never_final(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(partial("one"))

    async with running(never_final) as run:
        run.detector.speech_from = 0.0
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(3.0)
        source.end()
        await run.phase(Phase.ENDED)
        assert [event.text for event in run.of(Final)] == ["one"]
        assert len(run.server.streams) == 2


async def test_a_final_that_only_says_again_what_was_said_is_no_answer_to_what_followed() -> None:
    async def breaks(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(RATE)
        await stream.reply(final("one two", end_of_utterance=True))
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async def says_again(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(final("one two", end_of_utterance=True))

    async def hears(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(final("one two three", end_of_utterance=True))

    async with running(breaks, says_again, hears) as run:
        run.detector.speech_from = 0.0
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(4.0)
        source.end()
        await run.phase(Phase.ENDED)
        assert [event.text for event in run.of(Final)] == ["one two", "three"]


async def test_the_next_stream_of_a_long_recording_opens_without_a_word_about_it() -> None:
    async with running(hears_everything) as run:
        run.session.use_input("talk")
        source = await run.source()
        source.push_seconds(0.3)
        since = (await run.phase(Phase.LISTENING)).since
        run.session.use_listening(run.listening(language_code="en-US"))
        source.push_seconds(1.0)
        await run.server.stream(1)
        await run.finals(1)
        state = run.of(SessionState)[-1]
        assert (state.phase, state.since) == (Phase.LISTENING, since)
        phases = [state.phase for state in run.of(SessionState)]
        assert phases.count(Phase.CONNECTING) == 1
        source.end()
        await run.phase(Phase.ENDED)
