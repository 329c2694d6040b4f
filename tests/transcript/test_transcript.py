"""The model of a transcript: what belongs together, what is marked, what was said when, and where words are."""

from datetime import UTC, datetime, timedelta

import pytest

from captions.events import Entry, Final, Mark, Notice, Paused, Severity, StreamEnded
from captions.transcript.search import Search
from captions.transcript.transcript import Transcript

START = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def caption(text: str, start: float, end: float | None = None, track: str = "1", ended: bool = True) -> Final:
    return Final(track, start, start + 2.0 if end is None else end, START + timedelta(seconds=start), text, ended)


def mark(time: float, track: str = "1", removed: bool = False) -> Mark:
    return Mark(track, time, START + timedelta(seconds=time), removed)


def test_captions_are_numbered_in_order_and_marks_and_ends_of_streams_are_no_entries() -> None:
    entries: list[Entry] = [caption("One.", 0), mark(1), StreamEnded(2, START, "", 2, 1, 1), Paused(2, START)]
    transcript = Transcript(entries)
    assert transcript.entries == [entries[0], entries[3]]
    assert transcript.texts == ["One.", ""]
    assert transcript.captions == 1
    assert transcript.length == 2.0


def test_text_from_outside_is_plain_text() -> None:
    assert Transcript([caption(" \x1b[2Ja\u202eb\n ", 0)]).texts == ["[2Jab"]


def test_a_caption_continues_an_utterance_of_its_own_track_that_did_not_end() -> None:
    transcript = Transcript(
        [
            caption("I", 0, ended=False),
            caption("Room.", 0, track="room"),
            caption("go on.", 2),
            caption("New.", 4, ended=False),
            mark(5),
            caption("and old.", 6, ended=False),
            Notice(7, START, Severity.WARNING, "Something happened."),
            caption("after it", 8),
        ]
    )
    assert [transcript.continues(index) for index in range(len(transcript))] == [
        False, False, True, False, True, False, False,
    ]  # fmt: skip


def test_a_mark_is_of_the_first_caption_of_its_track_that_ends_after_it() -> None:
    transcript = Transcript([caption("A", 0, 2), caption("room", 0, 5, "room"), caption("B", 2, 4)])
    for time, marked in ((0, 0), (1.9, 0), (2, 2), (3, 2)):
        transcript.append(mark(time))
        assert list(transcript.marks) == [marked], time
        assert transcript.marked(marked)
        transcript.append(mark(time, removed=True))
        assert not transcript.marks
    transcript.append(mark(2, "room"))
    assert list(transcript.marks) == [1]


def test_a_mark_waits_for_the_caption_that_is_being_said() -> None:
    transcript = Transcript([caption("A", 0, 2), mark(2)])
    assert transcript.mark_is_coming("1")
    assert not transcript.marks
    transcript.append(caption("other", 2, 4, "room"))
    transcript.append(caption("B", 2, 4))
    assert list(transcript.marks) == [2]
    assert not transcript.mark_is_coming("1")


def test_a_mark_that_was_taken_away_again_before_its_caption_came_does_not_come() -> None:
    transcript = Transcript([mark(1), mark(1, removed=True), caption("A", 0, 2)])
    assert not transcript.marks


def test_a_mark_after_the_end_of_the_next_caption_waits_for_the_one_after() -> None:
    transcript = Transcript([mark(3), caption("A", 0, 2), caption("B", 2, 4)])
    assert list(transcript.marks) == [1]


def test_marking_twice_marks_once_and_marks_are_in_order() -> None:
    transcript = Transcript([caption(str(number), number, number + 1) for number in range(5)])
    for time in (3, 0, 3):
        transcript.append(mark(time))
    assert list(transcript.marks) == [0, 3]


def test_every_caption_has_a_time_by_which_a_mark_finds_it_though_captions_overlap() -> None:
    transcript = Transcript([caption("A", 0, 3), caption("room", 1, 9, "room"), caption("B", 2, 5), caption("C", 5, 6)])
    for index in range(len(transcript)):
        entry = transcript.entries[index]
        assert isinstance(entry, Final)
        transcript.append(mark(transcript.time_in(index), entry.track))
        assert list(transcript.marks) == [index]
        transcript.append(mark(transcript.time_in(index), entry.track, removed=True))
    assert transcript.time_after("1", 5.5) == 6
    assert transcript.time_after("1", 7) == 7
    assert transcript.time_after("nobody", 1) == 1


def test_a_time_leads_to_what_was_being_said_or_else_comes_next() -> None:
    transcript = Transcript([caption("A", 0, 2), caption("B", 2, 4), Paused(4, START), caption("C", 10, 12)])
    assert [transcript.at(time) for time in (-1, 0, 1.9, 2, 3.9, 4, 9, 10, 99)] == [0, 0, 0, 1, 1, 3, 3, 3, 3]


def test_a_time_of_day_leads_there_too() -> None:
    transcript = Transcript([caption("A", 0, 2), caption("B", 60, 62), caption("C", 120, 122)])
    found = [transcript.at_time_of_day(START + timedelta(seconds=seconds)) for seconds in (-5, 1, 30, 61, 500)]
    assert found == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("budget", [0, 1, 3]),
        ("Budget", [1]),
        ("бюджет", [2]),
        ("БЮДЖЕТ", []),
        ("a.c", [4]),
        ("[x]", [4]),
        ("nowhere", []),
        ("paused", []),
    ],
)
def test_words_are_literal_and_capitals_count_only_if_one_is_typed(words: str, found: list[int]) -> None:
    said = ["the budget", "Budget!", "Бюджет", "re-budgeted", "a.c [x] abc"]
    transcript = Transcript([caption(text, number) for number, text in enumerate(said)])
    transcript.append(Paused(9, START))
    search = Search(words, transcript)
    assert search.go_on(1.0)
    assert list(search.matches) == found


def test_a_search_goes_on_in_slices_and_with_what_is_added() -> None:
    transcript = Transcript([caption("word" if number % 10 == 0 else "", number) for number in range(10_000)])
    search = Search("word", transcript)
    slices = 0
    while not search.go_on(0.0):
        slices += 1
    assert slices > 100
    assert len(search.matches) == 1_000
    transcript.append(caption("a word more", 10_000))
    assert not search.done
    assert search.go_on(0.0)
    assert search.matches[-1] == 10_000


def test_the_nearest_match_is_found_and_the_place_of_each() -> None:
    transcript = Transcript([caption("x" if number in {3, 7} else "", number) for number in range(10)])
    search = Search("x", transcript)
    assert search.nearest(0) is None
    search.go_on(1.0)
    assert [search.nearest(index) for index in (0, 3, 4, 6, 9)] == [3, 3, 3, 7, 7]
    assert 3 in search
    assert 4 not in search
    assert search.rank(7) == 1
    assert search.spans("xax") == [(0, 1), (2, 3)]
