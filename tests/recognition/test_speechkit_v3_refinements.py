"""How SpeechKit v3's refinements and ends of utterance find their finals, in every order in which they may come."""

import pytest

from captions.events import Word
from captions.recognition.recognizer import Hypothesis, RecognitionOptions
from tests.events_v3 import eou, final, partial, refined, status
from tests.recognition.heard_v3 import results_of, told, written


async def test_the_services_own_sample_is_one_caption_with_the_refined_text_and_the_places_of_its_words() -> None:
    words = [("twenty", 0.2, 0.6), ("six", 0.7, 1.0)]
    results = await results_of(
        status(received=0.2),
        partial(received=0.2),
        partial("twenty", words=words[:1], received=0.8, until=0.0),
        final("twenty six", words=words, until=1.2, received=2.0),
        refined("26", received=2.0),
        eou(1.2, received=2.0),
        partial(received=2.2, until=1.2),
        status(received=2.3),
    )
    assert written(results) == ["~", "~ twenty", "~ twenty six", "~ 26", "= 26 |", "~", "~"]
    caption = results[4]
    assert isinstance(caption, Hypothesis)
    assert caption.words == (Word("twenty", 0.2, 0.6), Word("six", 0.7, 1.0))
    assert caption.covered == 1.2


@pytest.mark.parametrize("options", [RecognitionOptions("auto"), RecognitionOptions(more_languages=("auto",))])
async def test_no_refinement_is_expected_where_the_service_finds_out_the_language(options: RecognitionOptions) -> None:
    events = [final("it was", until=1.0, received=1.0), eou(1.0, received=1.0), partial(received=1.2)]
    assert written(await results_of(*events, options=options))[1] == "= it was |"


async def test_a_held_final_stays_on_the_screen_before_the_words_after_it() -> None:
    results = await results_of(
        partial("it was"),
        final("it was", until=1.0),
        partial(until=1.0),
        partial("the best", until=1.0),
        refined("It was"),
        eou(2.0),
    )
    assert written(results) == [
        "~ it was",
        "~ it was",
        "~ it was",
        "~ it was the best",
        "= It was",
        "~ the best",
        "~ the best",
        "= the best |",
    ]


async def test_several_finals_before_one_end_of_utterance_are_captions_of_one_utterance() -> None:
    assert await told(
        final("one", until=1.0, index=0),
        refined("One", index=0),
        final("two", until=2.0, index=1),
        refined("two", index=1),
        final("three", until=3.0, index=2),
        refined("three.", index=2),
        eou(3.0),
        final("four", until=4.0, index=3),
        refined("Four.", index=3),
        eou(4.0),
    ) == ["= One", "= two", "= three. |", "= Four. |"]


async def test_several_finals_whose_refinements_come_together_each_get_their_own() -> None:
    assert await told(
        final("one", until=1.0, index=0),
        final("two", until=2.0, index=1),
        refined("One", index=0),
        refined("2", index=1),
        eou(2.0),
    ) == ["= One", "= 2 |"]


async def test_a_refinement_after_its_end_of_utterance_is_waited_for_until_a_second_more_was_received() -> None:
    heard = [final("it was", until=1.0, received=2.0), eou(1.0, received=2.0)]
    late = [partial(received=2.9, until=1.0), refined("It was.", received=2.9)]
    assert await told(*heard, *late) == ["= It was. |"]
    too_late = [partial(received=3.0, until=1.0), refined("It was.", received=3.0)]
    results = await results_of(*heard, *too_late)
    assert written(results) == ["~ it was", "~ it was", "= it was |", "~"]


async def test_a_refinement_that_never_comes_is_not_waited_for_longer_than_the_stream_or_the_next_final() -> None:
    assert await told(final("it was", until=1.0), eou(1.0)) == ["= it was |"]
    second = [final("the best", until=2.0, index=1), refined("The best.", index=1), eou(2.0)]
    assert await told(final("it was", until=1.0), eou(1.0), *second) == ["= it was |", "= The best. |"]


async def test_without_any_end_of_utterance_finals_are_told_when_words_follow_or_time_has_passed() -> None:
    assert await told(final("it", until=1.0), refined("It"), partial("was", until=1.0), final("was", until=2.0)) == [
        "= It",
        "= was",
    ]
    silence = [final("it", until=1.0, received=1.0), refined("It", received=1.0), partial(received=2.0, until=1.0)]
    assert written(await results_of(*silence, status(received=2.5)))[-2:] == ["= It", "~"]
    unrefined = [final("it", until=1.0, received=1.0), status(received=3.9)]
    assert written(await results_of(*unrefined, status(received=4.0), partial("was", until=1.0)))[1:] == [
        "= it",
        "~ was",
    ]


async def test_a_doubled_refinement_changes_nothing_that_was_told() -> None:
    assert await told(
        final("it was", until=1.0, index=0),
        refined("It was", index=0),
        eou(1.0),
        refined("It was", index=0),
        final("was it", until=2.0, index=1),
        refined("It was", index=0),
        refined("Was it?", index=1),
        eou(2.0),
    ) == ["= It was |", "= Was it? |"]


async def test_without_numbers_words_say_of_which_final_a_refinement_is() -> None:
    assert await told(
        final("it was the best of times", until=1.0),
        final("it was the worst of times", until=2.0),
        refined("It was the worst of times."),
        refined("It was the best of times."),
        eou(2.0),
    ) == ["= It was the best of times.", "= It was the worst of times. |"]
    assert await told(
        final("it was the best of times", until=1.0, received=1.0),
        eou(1.0, received=1.0),
        status(received=2.0),
        final("we were all going direct to heaven", until=2.0, received=2.0),
        refined("It was the best of times.", received=2.1),
        refined("We were all going direct to Heaven.", received=2.1),
        eou(2.0),
    ) == ["= it was the best of times |", "= We were all going direct to Heaven. |"]


async def test_a_number_that_is_another_finals_is_not_believed_against_the_words() -> None:
    """As where the refinement counts from 1, or always says 0."""
    assert await told(
        final("first of all", until=1.0, index=0),
        refined("First of all,", index=1),
        final("second thoughts are best", until=2.0, index=1),
        refined("second thoughts are best.", index=2),
        eou(2.0),
    ) == ["= First of all,", "= second thoughts are best. |"]
    assert await told(
        final("the first of all", until=1.0, index=0),
        refined("The first of all.", index=0),
        eou(1.0),
        final("the second thoughts", until=2.0, index=1),
        refined("The second thoughts.", index=0),
        eou(2.0),
    ) == ["= The first of all. |", "= The second thoughts. |"]


async def test_a_refinement_without_a_word_in_common_is_of_the_first_that_waits() -> None:
    assert await told(
        final("twenty five", until=1.0), final("thirty six", until=2.0), refined("25"), refined("36"), eou(2.0)
    ) == ["= 25", "= 36 |"]


async def test_a_refinement_of_nothing_is_ignored() -> None:
    assert await told(refined("It was", index=7), final("the best", until=1.0), refined("The best"), eou(1.0)) == [
        "= The best |"
    ]


async def test_an_empty_refinement_leaves_the_text_unless_profanity_is_taken_out() -> None:
    events = [final("damn", until=1.0), refined(""), eou(1.0)]
    assert await told(*events) == ["= damn |"]
    assert await told(*events, options=RecognitionOptions(profanity_filter=True)) == ["= |"]
