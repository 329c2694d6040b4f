"""Partials are calm to read: words wait until they hold, committed ones stay, and the final has the last word."""

import itertools
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from captions.events import Final, Partial, Word
from captions.recognition.stabilizer import HELD_SECONDS, SETTLED_PARTIALS, SETTLED_SECONDS, Stabilizer
from captions.server.moonshine import MoonshineEngine
from tests import hypotheses, stability
from tests.benchmarks.engine_word_error_rate import load
from tests.benchmarks.stability import MOST_DELAY, MOST_UNSTABLE, delays
from tests.local_engine import require_local_engine
from tests.shared_speech import recordings

RECORDED = Path(__file__).parent / "two_cities.hypotheses.json"
"""What the recogniser on this machine says of two_cities.wav, which moonshine-voice carries: made with
`python -m tests.benchmarks.stability --sets sample --keep ...`."""


def partial(text: str, *, unconfirmed: bool = False, words: tuple[Word, ...] = ()) -> Partial:
    return Partial("main", 0.0, 1.0, text, unconfirmed, words=words)


def final(text: str) -> Final:
    return Final("main", 0.0, 1.0, datetime.now(UTC), text, end_of_utterance=True)


class Screen:
    """What is seen of a track, with a clock that is told."""

    def __init__(self, mode: str) -> None:
        self.now = 0.0
        self.measured: list[tuple[float, float | None]] = []
        self.partial = partial("")
        self.stabilizer = Stabilizer(mode, lambda held, end: self.measured.append((round(held, 6), end)))

    def hear(self, text: str, after: float = 0.4, *, unconfirmed: bool = False, words: tuple[Word, ...] = ()) -> str:
        """Let a partial come, so long after the one before; return the text that is seen then."""
        self.wait(after)
        self.see(self.stabilizer.hypothesis(partial(text, unconfirmed=unconfirmed, words=words), self.now))
        return self.partial.text

    def wait(self, seconds: float) -> str:
        """Let time pass, and what is due happen; return the text that is seen then."""
        until = self.now + seconds
        while (due := self.stabilizer.due()) is not None and due <= until:
            self.now = due
            self.see(self.stabilizer.tick(due))
        self.now = until
        return self.partial.text

    def see(self, partial: Partial | None) -> None:
        if partial is not None:
            self.partial = partial

    @property
    def committed(self) -> str:
        return self.partial.text[: self.partial.committed]


@pytest.fixture
def steady() -> Screen:
    return Screen("steady")


def say_for_long(screen: Screen, text: str) -> None:
    """Repeat a partial until its words have settled, growing at its end as partials do."""
    for n in range(SETTLED_PARTIALS + round(SETTLED_SECONDS / 0.4)):
        screen.hear(f"{text}{' and so on' * (n + 1)}")


def test_raw_shows_what_comes_as_it_comes() -> None:
    screen = Screen("raw")
    came = partial("it was")
    assert screen.stabilizer.hypothesis(came, 0.0) is came
    assert screen.hear("it has") == "it has"
    assert screen.hear("") == ""
    assert screen.stabilizer.due() is None


def test_a_last_word_waits_until_it_is_said_again_or_followed(steady: Screen) -> None:
    assert steady.hear("it") == ""
    assert steady.hear("it was the") == "it was"
    assert steady.hear("it was the") == "it was the"


def test_a_last_word_waits_no_longer_than_a_moment(steady: Screen) -> None:
    steady.hear("it was")
    assert steady.wait(HELD_SECONDS - 0.01) == "it"
    assert steady.wait(0.01) == "it was"
    assert steady.stabilizer.due() is None


def test_words_that_are_said_again_at_once_are_not_yet_believed(steady: Screen) -> None:
    steady.hear("was")
    assert steady.hear("was", after=0.05) == ""


def test_a_guess_that_is_taken_back_is_never_seen(steady: Screen) -> None:
    assert steady.hear("it was the vest") == "it was the"
    assert steady.hear("it was the best of") == "it was the best"


def test_what_is_seen_gives_way_only_to_what_is_said_twice(steady: Screen) -> None:
    steady.hear("it was the best of")
    assert steady.hear("it has been the best of") == "it was the best"
    assert steady.hear("it was the best of times") == "it was the best of"
    assert steady.hear("it has been the best of times it") == "it was the best of"
    assert steady.hear("it has been the best of times it") == "it has been the best of times it"


def test_other_marks_and_capitals_are_seen_at_once_in_words_that_are_not_committed(steady: Screen) -> None:
    steady.hear("it was the")
    assert steady.hear("It, was the") == "It, was the"


def test_words_that_have_settled_are_committed_and_their_characters_stay(steady: Screen) -> None:
    say_for_long(steady, "It was the best of times,")
    assert steady.committed.startswith("It was the best of times,")
    before = steady.committed
    steady.hear("It is the vest of time and something else is said, four words more")
    assert steady.partial.text.startswith(before)
    assert steady.partial.committed >= len(before)


def test_committed_text_is_followed_by_what_comes_after_it_however_it_is_heard_now(steady: Screen) -> None:
    say_for_long(steady, "It was the best of times,")
    before = steady.committed
    assert before.endswith("so on")
    shorter = before.removeprefix("It was ")
    steady.hear(f"{shorter} until today at least")
    steady.hear(f"{shorter} until today at least")
    assert steady.partial.text == f"{before} until today at least"


def test_nothing_is_committed_from_a_word_on_that_has_changed(steady: Screen) -> None:
    steady.hear("I think Mister Howe has come")
    steady.hear("I think Mister Hale has come")
    say_for_long(steady, "I think Mister Hale has come")
    assert steady.committed == "I think Mister"


def test_nothing_is_committed_from_a_number_on(steady: Screen) -> None:
    say_for_long(steady, "please dial 4242 now")
    assert steady.committed == "please dial"


def test_calm_shows_only_what_is_committed() -> None:
    screen = Screen("calm")
    for n in range(3):
        assert screen.hear(f"it was the best of times {'and on ' * n}") == ""
    say_for_long(screen, "it was the best of times")
    assert screen.partial.text == screen.committed
    assert screen.committed.startswith("it was the best of times")
    assert screen.stabilizer.due() is None


def test_empty_text_takes_all_away_and_another_caption_begins(steady: Screen) -> None:
    say_for_long(steady, "it was the best")
    assert steady.hear("") == ""
    assert steady.hear("another thing") == "another"
    assert steady.partial.committed == 0


def test_nothing_is_told_when_nothing_changes(steady: Screen) -> None:
    assert steady.stabilizer.hypothesis(partial("it"), 0.0) is None
    assert steady.stabilizer.hypothesis(partial(""), 0.1) is None
    assert steady.stabilizer.tick(5.0) is None


def test_after_a_final_another_caption_begins(steady: Screen) -> None:
    say_for_long(steady, "it was the best")
    steady.stabilizer.final(final("it was the best"), steady.now)
    assert steady.stabilizer.due() is None
    assert steady.hear("another thing") == "another"
    assert steady.partial.committed == 0


def test_words_that_a_final_left_over_need_not_wait_again(steady: Screen) -> None:
    steady.hear("it was the best of times it")
    steady.hear("it was the best of times it")
    steady.stabilizer.final(final("It was the best."), steady.now)
    assert steady.hear("of times it") == "of times it"


def test_a_final_that_says_something_else_leaves_nothing_over(steady: Screen) -> None:
    steady.hear("it was the best of times it")
    steady.hear("it was the best of times it")
    steady.stabilizer.final(final("something else entirely"), steady.now)
    assert steady.hear("times it") == "times"


def test_text_of_a_broken_stream_stays_while_its_audio_is_heard_again(steady: Screen) -> None:
    steady.hear("it was the best of times")
    assert steady.hear("it was the best of times", unconfirmed=True) == "it was the best of"
    assert steady.partial.unconfirmed
    for again in ("it", "it was", "it was the best"):
        assert steady.hear(again, after=2.0) == "it was the best of times"
        assert steady.partial.unconfirmed
    assert steady.hear("it was the best of times it was") == "it was the best of times it"
    assert not steady.partial.unconfirmed


def test_committed_text_outlives_a_broken_stream(steady: Screen) -> None:
    say_for_long(steady, "It was the best of times,")
    before = steady.committed
    steady.hear(steady.partial.text, unconfirmed=True)
    for again in ("It", "It was the", "It was the worst of times"):
        steady.hear(again)
        assert steady.committed == before


def test_a_word_that_is_truly_gone_is_taken_away_after_a_moment(steady: Screen) -> None:
    steady.hear("yes indeed it")
    steady.hear("yes indeed it")
    assert steady.hear("yes") == "yes indeed it"
    assert steady.wait(HELD_SECONDS) == "yes"


def test_another_mode_holds_at_once() -> None:
    screen = Screen("raw")
    screen.hear("it was the best")
    screen.see(screen.stabilizer.change("steady", screen.now))
    assert screen.partial.text == "it was the best"
    say_for_long(screen, "it was the best of times")
    screen.see(screen.stabilizer.change("calm", screen.now))
    assert screen.partial.text == screen.committed
    assert screen.partial.text.startswith("it was the best of times")
    screen.see(screen.stabilizer.change("raw", screen.now))
    assert len(screen.partial.text) > len("it was the best of times" + " and so on" * SETTLED_PARTIALS)
    assert screen.partial.committed == 0


def test_each_word_is_measured_once_with_the_time_for_which_it_was_held_back(steady: Screen) -> None:
    steady.hear("it was")
    steady.hear("it was the")
    steady.wait(HELD_SECONDS)
    steady.hear("it was the best")
    steady.stabilizer.final(final("It was the best."), steady.now + 0.25)
    assert [held for held, _ in steady.measured] == [0.0, 0.4, HELD_SECONDS, 0.25]


def test_a_word_ends_where_its_recogniser_says(steady: Screen) -> None:
    times = (Word("it", 0.1, 0.2), Word("was", 0.3, 0.4))
    steady.hear("it was", words=times)
    steady.wait(HELD_SECONDS)
    assert [end for _, end in steady.measured] == [0.2, 0.4]


def test_a_word_of_a_phrase_ends_after_what_was_heard_before_it(steady: Screen) -> None:
    steady.hear("it was", words=(Word("it was", 0.1, 0.5),))
    steady.hear("it was the best", words=(Word("it was the best", 0.1, 0.9),))
    assert [end for _, end in steady.measured] == [None, None, 0.5]


@pytest.mark.parametrize("mode", ["steady", "calm"])
def test_committed_text_never_changes_whatever_comes(mode: str) -> None:
    chance = random.Random(7)
    vocabulary = ["it", "was,", "Was", "the", "best", "of", "—", "42", "times."]
    for _ in range(50):
        screen, committed, text = Screen(mode), "", ["it"]
        for _ in range(80):
            if chance.random() < 0.2:
                place = chance.randrange(len(text))
                text[place : place + chance.randrange(3)] = chance.choices(vocabulary, k=chance.randrange(1, 3))
            text.append(chance.choice(vocabulary))
            screen.hear(" ".join(text), after=chance.random(), unconfirmed=chance.random() < 0.05)
            assert screen.partial.text.startswith(committed)
            assert screen.partial.committed >= len(committed)
            committed = screen.committed


# On what the recogniser on this machine said of real speech


def see_that_the_targets_are_met(said: list[hypotheses.Said]) -> None:
    raw, steady, calm = (hypotheses.show(said, mode) for mode in ("raw", "steady", "calm"))
    for shown in (steady, calm):
        kept = stability.commitment(shown)
        assert kept.words > 0
        assert (kept.changed_while_partial, kept.not_in_final) == (0, 0)
    ratio = stability.unstable_partial_word_ratio
    assert ratio(steady) <= MOST_UNSTABLE * ratio(raw)
    assert np.mean(delays(raw, steady)[0]) <= MOST_DELAY
    assert stability.normalized_erasure(calm) <= 0.1


def test_on_a_recorded_reading_the_targets_are_met() -> None:
    see_that_the_targets_are_met(hypotheses.load(RECORDED))


@pytest.mark.slow
def test_on_recordings_that_are_heard_now_the_targets_are_met() -> None:
    require_local_engine()
    some = itertools.islice(recordings("en_librispeech"), 12)
    parts = [part for one in some for part in (load(one.path), hypotheses.silence(1.5))]
    engine = MoonshineEngine()
    try:
        said = hypotheses.record(engine, np.concatenate(parts))
    finally:
        engine.close()
    see_that_the_targets_are_met(said)
