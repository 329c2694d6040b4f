"""The measures of stability give what their definitions say, on captions small enough to count by hand."""

import pytest

from tests.stability import (
    Shown,
    commitment,
    edit_overhead,
    first_correct,
    first_final,
    normalized_erasure,
    unstable_partial_word_ratio,
)


def caption(*texts: str, committed: int = 0) -> list[Shown]:
    """A caption shown a text a second, with so many characters committed in all partials."""
    return [Shown(float(n), text, committed if n + 1 < len(texts) else 0) for n, text in enumerate(texts)]


STEADY = caption("it", "it was", "It was the", "It was the best.")
REVISED = caption("it", "it has been", "it was the best", "It was the best.")


def test_text_that_only_grows_erases_nothing_whatever_its_case_and_marks() -> None:
    assert normalized_erasure([STEADY]) == 0
    assert unstable_partial_word_ratio([STEADY]) == 0
    assert edit_overhead([STEADY]) == 0


def test_erasure_counts_all_words_after_the_first_that_differs() -> None:
    moved = caption("was it the best", "it was it the best")
    assert normalized_erasure([moved]) == 4 / 5
    assert unstable_partial_word_ratio([moved]) == 0


def test_replaced_words_are_unstable_and_two_edits_each() -> None:
    assert normalized_erasure([REVISED]) == 2 / 4
    assert unstable_partial_word_ratio([REVISED]) == 2 / 4
    assert edit_overhead([REVISED]) == pytest.approx((8 - 4) / 8)


def test_figures_are_over_the_words_of_all_finals() -> None:
    assert normalized_erasure([STEADY, REVISED]) == 2 / 8


def test_a_word_that_goes_and_comes_again_is_correct_early_and_final_late() -> None:
    flickering = caption("one two", "one", "one two")
    assert first_correct(flickering) == [0, 0]
    assert first_final(flickering) == [0, 2]


def test_committed_text_that_stays_is_counted_and_nothing_held_against_it() -> None:
    kept = commitment([caption("It was", "It was the", "It was the best.", committed=6)])
    assert (kept.words, kept.changed_while_partial, kept.not_in_final, kept.characters_not_in_final) == (2, 0, 0, 0)


def test_a_partial_that_changes_committed_text_is_found() -> None:
    assert commitment([caption("It was", "It is the", "It is the best.", committed=6)]).changed_while_partial == 1


def test_a_final_that_differs_from_committed_text_is_found_in_words_and_in_characters() -> None:
    other_mark = commitment([caption("It was the", "It was, the best.", committed=6)])
    assert (other_mark.not_in_final, other_mark.characters_not_in_final) == (0, 1)
    other_word = commitment([caption("It was the", "It is the best.", committed=6)])
    assert (other_word.not_in_final, other_word.characters_not_in_final) == (1, 1)


def test_what_was_committed_beyond_a_partial_final_may_come_with_the_next() -> None:
    first = [Shown(0, "it was the best", 15), Shown(1, "it was", end_of_utterance=False)]
    second = [Shown(2, "the best")]
    assert commitment([first, second]).not_in_final == 0
    assert commitment([first, [Shown(2, "a vest")]]).not_in_final == 2
