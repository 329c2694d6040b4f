"""What becomes of the events of SpeechKit v3, in every order in which they may come."""

import grpc
import pytest

from captions.errors import StreamError
from captions.proto import stt_v3_pb2 as pb
from captions.recognition.recognizer import Hypothesis, RecognitionOptions, RecognitionStream, Result
from tests.events_v3 import eou, final, partial, refined, status
from tests.recognition.heard_v3 import NORMALIZED, RAW, results_of, told, written
from tests.recognition.streams import BLOCK, V3, noise, stream_to
from tests.scripted_server import ServedStream


async def test_without_normalization_a_final_waits_for_its_end_of_utterance_only() -> None:
    results = await results_of(partial("it"), final("it was", until=1.0), eou(1.0), options=RAW)
    assert written(results) == ["~ it", "~ it was", "= it was |", "~"]


async def test_an_empty_final_keeps_the_text_that_only_a_partial_had() -> None:
    words = [("it", 0.1, 0.3), ("was", 0.4, 0.7)]
    results = await results_of(partial("it was", words=words), final("", until=1.0), eou(1.0), options=RAW)
    assert written(results) == ["~ it was", "~ it was", "= it was |", "~"]
    caption = results[2]
    assert isinstance(caption, Hypothesis)
    assert (caption.words[-1].end, caption.covered) == (0.7, 1.0)


async def test_an_empty_final_takes_of_the_partial_only_what_was_said_in_its_time() -> None:
    words = [("it", 0.1, 0.3), ("was", 1.4, 1.7)]
    results = await results_of(partial("it was", words=words), final("", until=1.0), eou(1.0), options=RAW)
    assert written(results) == ["~ it was", "~ it was", "= it |", "~ was"]


async def test_an_empty_final_after_an_empty_partial_says_how_far_the_service_has_come_and_no_more() -> None:
    results = await results_of(partial("it"), partial(), final("", until=1.0), eou(1.0), options=RAW)
    assert written(results) == ["~ it", "~", "=", "~"]
    empty = results[2]
    assert isinstance(empty, Hypothesis)
    assert empty.covered == 1.0


async def test_words_that_the_last_partial_had_beyond_the_final_stay_on_the_screen() -> None:
    words = [("it", 0.1, 0.3), ("was", 1.4, 1.7)]
    results = await results_of(partial("it was", words=words), final("It", words=words[:1], until=1.0), options=RAW)
    assert written(results) == ["~ it was", "~ It was", "= It", "~ was"]


async def test_an_end_of_utterance_without_a_final_keeps_what_was_on_the_screen() -> None:
    assert await told(partial("it was"), eou(1.0)) == ["= it was |"]
    assert await told(partial("it was"), eou()) == ["= it was |"]
    assert await told(
        partial("it was", received=1.0), eou(1.0, received=1.5), partial(received=2.5), partial("the best"),
        final("the best", until=3.0), eou(3.0), options=RAW
    ) == ["= it was |", "= the best |"]  # fmt: skip


async def test_a_final_after_its_end_of_utterance_takes_the_place_of_what_was_on_the_screen() -> None:
    assert await told(partial("it was"), eou(1.0), final("it was so", until=1.0), options=RAW) == ["= it was so |"]
    late = [partial("it was", received=1.0), eou(1.0, received=1.0), status(received=2.0), final("it was", until=1.0)]
    assert await told(*late, options=RAW) == ["= it was |"]


async def test_a_late_final_adds_what_the_screen_did_not_have() -> None:
    words = [("it", 0.1, 0.3), ("was", 0.4, 0.9), ("so", 1.2, 1.4)]
    assert await told(
        partial("it was", words=words[:2], received=1.0),
        eou(1.0, received=1.0),
        status(received=2.0),
        final("it was so", words=words, until=1.5),
        options=RAW,
    ) == ["= it was |", "= so"]


async def test_an_end_of_utterance_without_a_time_never_takes_another_final_for_its_own() -> None:
    assert await told(
        partial("it was", received=1.0),
        eou(received=1.0),
        status(received=2.0),
        final("the best of times", until=3.0),
        options=RAW,
    ) == ["= it was |", "= the best of times"]


async def test_an_end_of_utterance_that_comes_after_the_next_words_still_ends_it() -> None:
    results = await results_of(final("one", until=1.0), partial("two", until=1.0), eou(1.0), options=RAW)
    assert written(results) == ["~ one", "= one", "~ two", "= |", "~ two"]


async def test_an_end_of_utterance_in_which_nothing_was_said_says_nothing() -> None:
    assert await told(status(), partial(), eou(1.0), partial(), eou(2.0)) == []


async def test_a_stream_that_ends_with_a_partial_leaves_it_as_the_last_word() -> None:
    assert written(await results_of(partial("it was"), options=RAW)) == ["~ it was"]
    results = await results_of(final("it was", until=1.0), partial("the best", until=1.0))
    assert written(results) == ["~ it was", "~ it was the best", "= it was", "~ the best"]


async def test_without_partials_finals_come_alone_and_text_without_a_final_at_the_end() -> None:
    options = RecognitionOptions(partial_results=False)
    events = [partial("it"), final("it was", until=1.0), refined("It was"), eou(1.0), partial("the best", until=1.0)]
    assert written(await results_of(*events, options=options)) == ["= It was |", "~ the best"]


async def test_a_status_between_events_changes_nothing_and_is_told_when_it_is_a_warning() -> None:
    results = await results_of(
        status(),
        partial("it"),
        status(pb.WARNING, "audio comes\x1b[2J too fast"),
        final("it was", until=1.0),
        status(),
        refined("It was"),
        status(pb.WARNING),
        eou(1.0),
        status(pb.CLOSED, "the session ends"),
    )
    assert written(results) == [
        "~ it",
        "! audio comes[2J too fast",
        "~ it was",
        "~ It was",
        "= It was |",
        "~",
        "! the session ends",
    ]


async def test_events_that_nobody_asked_for_say_nothing() -> None:
    results = await results_of(
        pb.StreamingResponse(),
        pb.StreamingResponse(classifier_update=pb.RecognitionClassifierUpdate(start_time_ms=1)),
        pb.StreamingResponse(speaker_analysis=pb.SpeakerAnalysis(speaker_tag="0")),
        pb.StreamingResponse(conversation_analysis=pb.ConversationAnalysis()),
        pb.StreamingResponse(summarization=pb.Summarization()),
    )
    assert results == []


async def test_without_cursors_nothing_is_said_to_be_covered_and_captions_come_all_the_same() -> None:
    results = await results_of(partial("it"), final("it was"), refined("It was"), eou(), options=NORMALIZED)
    assert written(results) == ["~ it", "~ it was", "~ It was", "= It was |", "~"]
    assert {result.covered for result in results if isinstance(result, Hypothesis)} == {None}


async def test_without_cursors_the_audio_that_was_sent_is_the_clock() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.reply(final("it was"))
        await stream.audio(BLOCK * 10)
        await stream.reply(status())
        await stream.until_half_close()

    async with V3.server(script) as server, stream_to(server, RAW) as stream:
        results = stream.results()
        await stream.send(noise(BLOCK))
        assert written([await anext(results)]) == ["~ it was"]
        await stream.send(noise(BLOCK * 10))
        assert written([await anext(results)]) == ["= it was"]


async def test_words_are_left_out_where_a_part_of_the_text_has_none() -> None:
    results = await results_of(final("it was", until=1.0), partial("so", words=[("so", 1.2, 1.4)], until=1.0))
    shown = results[1]
    assert isinstance(shown, Hypothesis)
    assert (shown.text, shown.words) == ("it was so", ())


async def test_partials_cover_what_finals_have_and_nothing_while_a_final_is_held() -> None:
    results = await results_of(
        partial(until=0.5),
        partial("it", until=0.5),
        partial("it was", until=2.0),
        final("it was", until=2.0),
        partial(until=2.0),
        refined("It was"),
        eou(2.0),
        partial(until=2.0),
        partial(until=3.0),
    )
    covered = [result.covered for result in results if isinstance(result, Hypothesis)]
    assert written(results) == [
        "~",
        "~ it",
        "~ it was",
        "~ it was",
        "~ it was",
        "~ It was",
        "= It was |",
        "~",
        "~",
        "~",
    ]
    assert covered == [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 3.0]


async def test_the_likeliest_language_is_told() -> None:
    results = await results_of(
        final("es war", until=1.0, languages={"en-US": 0.2, "de-DE": 0.7, "nl-NL": 0.1}), eou(1.0), options=RAW
    )
    assert [result.language for result in results if isinstance(result, Hypothesis) and result.final] == ["de-DE"]


async def test_the_likeliest_alternative_is_told_in_plain_text() -> None:
    results = await results_of(partial(" likeli\x1b[2Jest ", "less likely", words=[("w\x07", 0, 1)]))
    assert written(results) == ["~ likeli[2Jest"]
    assert isinstance(results[0], Hypothesis)
    assert results[0].words[0].text == "w"


async def test_a_stream_that_breaks_tells_what_it_held_first() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(final("it was", until=1.0), partial("the best", until=1.0))
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    heard: list[Result] = []

    async def listen(stream: RecognitionStream) -> None:
        async for result in stream.results():
            heard.append(result)

    async with V3.server(script) as server, stream_to(server, NORMALIZED) as stream:
        with pytest.raises(StreamError, match="gone"):
            await listen(stream)
    assert written(heard) == ["~ it was", "~ it was the best", "= it was", "~ the best"]
    assert isinstance(heard[2], Hypothesis)
    assert heard[2].covered == 1.0


async def test_more_finals_than_can_be_held_are_told_as_they_are() -> None:
    events = [final(f"number {number}", until=number / 10, index=number) for number in range(1, 13)]
    results = written(await results_of(*events))
    assert [text for text in results if text.startswith("=")] == [f"= number {number}" for number in range(1, 13)]
    assert results.index("= number 4") < results.index("~ " + " ".join(f"number {number}" for number in range(5, 13)))
