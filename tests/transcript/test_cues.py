"""Captions are cut into cues that can be read: of a size, for a time, at places where a sentence breaks."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings

from captions.events import Entry, Final, Gap, InputChanged, Paused, Word
from captions.plain_text import plain
from captions.transcript.cue_stream import CueStream
from captions.transcript.cues import LONGEST, SHORTEST, Cue, pieces_of, reading_time
from captions.transcript.line_breaks import cells, cells_per_line
from tests.transcript.any_session import TRACKS, leisurely, said_in, sessions, wall, without_spaces

LONG = (
    "Good morning everyone, thank you for coming, today we talk about the release and about what is left to be done "
    "before the end of the week."
)

WRITTEN_WITHOUT_SPACES = re.compile("[\u2e80-\u9fff\uf900-\uffef\U00020000-\U0003ffff]")


def said(text: str, start: float, end: float, *, ends: bool = True, track: str = "main") -> Final:
    return Final(track, start, end, wall(start), text, ends)


def said_word_by_word(words: Sequence[tuple[str, float, float]]) -> Final:
    told = tuple(Word(*word) for word in words)
    return Final("main", told[0].start, told[-1].end, wall(0), " ".join(word.text for word in told), True, told)


def said_at_paces(*sentences: tuple[str, float]) -> Final:
    """A caption of sentences, each with the seconds that a word of it takes."""
    words: list[tuple[str, float, float]] = []
    time = 0.0
    for sentence, pace in sentences:
        for word in sentence.split():
            words.append((word, time, time + pace))
            time += pace
    return said_word_by_word(words)


def cues(*entries: Entry, tracks: Sequence[str] = ("main",)) -> list[Cue]:
    stream = CueStream(dict.fromkeys(tracks, ""))
    return [*(cue for entry in entries for cue in stream.add(entry)), *stream.rest()]


def lines(*entries: Entry) -> list[tuple[str, ...]]:
    return [cue.lines for cue in cues(*entries)]


# Size


def test_a_short_caption_is_one_line() -> None:
    assert lines(said("We are nearly done.", 0, 2)) == [("We are nearly done.",)]


def test_a_long_caption_is_cut_at_clauses_into_cues_of_two_even_lines() -> None:
    assert lines(said(LONG, 0, 10)) == [
        ("Good morning everyone,", "thank you for coming, today we talk"),
        ("about the release and about what is left", "to be done before the end of the week."),
    ]


def test_russian_lines_are_shorter() -> None:
    text = "Сегодня мы обсудим всё, что осталось сделать до конца недели"
    [(above, below)] = lines(said(text, 0, 6))
    assert (above, below) == ("Сегодня мы обсудим всё,", "что осталось сделать до конца недели")
    words = "собрание начинается сейчас же и сегодня же"  # 42 characters
    assert len(words) == 42
    assert len(lines(said(words, 0, 5))[0]) == 2


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("meeting", 42),
        ("собрание, meeting", 39),
        ("会议 meeting", 32),
        ("회의", 32),
        ("会議を始めます", 26),
        ("🎉", 42),
    ],
)
def test_a_line_holds_what_its_script_asks_for(text: str, room: int) -> None:
    assert cells_per_line(text) == room


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("да", 2), ("会议", 4), ("e\u0301", 1), ("ｱ", 1), ("שלום", 4)])
def test_text_is_measured_in_cells(text: str, width: int) -> None:
    assert cells(text) == width


def test_japanese_is_cut_without_spaces_and_no_line_begins_with_a_closing_mark() -> None:
    text = "今日はリリースについてお話しします。「テスト」がまだ残っていますので、今週中に終わらせましょう。"
    shown = lines(said(text, 0, 10))
    assert "".join("".join(cue) for cue in shown) == text
    assert all(cells(line) <= 26 for cue in shown for line in cue)
    assert not [line for cue in shown for line in cue if line[0] in "、。」" or line[-1] == "「"]


@pytest.mark.parametrize("before", range(8, 18))
def test_no_line_begins_with_a_lengthening_mark_wherever_it_stands(before: int) -> None:
    shown = lines(said("ア" * before + "ー" + "イ" * 20, 0, 7))
    assert not [line for cue in shown for line in cue if line.startswith("ー")]


def test_an_ideographic_space_parts_words_and_a_no_break_space_does_not() -> None:
    assert lines(said("今日\u3000明日 \u3000", 0, 2)) == [("今日 明日",)]
    for before in range(8, 18):
        shown = lines(said("あ" * before + "\u00a0" + "い" * 20, 0, 7))
        assert not [line for cue in shown for line in cue if line != line.strip()]


def test_a_word_longer_than_a_line_stands_alone_and_whole() -> None:
    address = "https://example.org/" + "a" * 60
    shown = lines(said(f"You will find everything about it at {address} from today", 0, 8))
    assert (address,) in shown
    assert [line for cue in shown for line in cue if len(line) > 42] == [address]


def test_an_article_stays_with_its_noun() -> None:
    shown = lines(said("They talked for a very long time about the weather and a certain kind of a meeting", 0, 6))
    assert not [line for cue in shown for line in cue if line.endswith((" a", " the"))]


def test_a_caption_of_one_word_is_a_cue_of_one_word_and_no_other_is() -> None:
    assert lines(said("Thanks.", 0, 1)) == [("Thanks.",)]
    text = "Those three people never really could have finished building their second house. Thanks."
    assert min(len(" ".join(cue).split()) for cue in lines(said(text, 0, 8))) > 1


# Time


def test_a_cue_begins_and_ends_with_its_words() -> None:
    words = [(word, number * 0.5 + 10.125, number * 0.5 + 10.5) for number, word in enumerate(LONG.split())]
    shown = cues(said_word_by_word(words))
    starts = {round(start * 1000): word for word, start, _ in words}
    assert [starts[cue.start] for cue in shown] == [cue.lines[0].split()[0] for cue in shown]
    assert shown[-1].end == round(words[-1][2] * 1000)


def test_without_word_times_the_time_is_shared_by_length() -> None:
    first, second = cues(said("a" * 39 + " " + "b" * 39 + " " + "c" * 39 + " " + "d" * 39, 0, 8))
    assert (first.start, first.end, second.end) == (0, second.start, 8000)
    assert abs(second.start - 4000) < 40


def test_words_that_are_written_in_digits_still_begin_with_a_word_that_was_said() -> None:
    told = "we need twenty five thousand people for it and then they need to have a place where they can all sit down"
    words = tuple(Word(word, number * 0.4, number * 0.4 + 0.4) for number, word in enumerate(told.split()))
    text = "We need 25000 people for it and then they need to have a place where they can all sit down."
    shown = cues(Final("main", 0, words[-1].end, wall(0), text, True, words))
    assert len(shown) > 1
    assert {cue.start for cue in shown} <= {round(word.start * 1000) for word in words}


def test_a_short_caption_is_shown_for_a_second_and_a_fast_one_until_it_can_be_read() -> None:
    short, fast, _ = cues(
        said("Yes.", 0, 0.3),
        said("Sixty characters were said in a single second of this time.", 5, 6),
        said("So.", 20, 21),
    )
    assert (short.start, short.end) == (0, 1000)
    assert fast.end == 5000 + 59 * 50


def test_what_follows_ends_a_cue() -> None:
    first, second = cues(
        said("Sixty characters were said in a single second of this time.", 5, 6), said("So then.", 6.5, 9)
    )
    assert (first.end, second.start) == (6500, 6500)


def test_a_short_answer_shares_a_cue_with_what_its_speaker_says_next() -> None:
    [cue] = cues(said("Yes.", 0, 0.3), said("I think so too.", 0.4, 2))
    assert (cue.lines, cue.start, cue.end) == (("Yes. I think so too.",), 0, 2000)


def test_no_cue_is_cut_so_short_that_nobody_can_read_it() -> None:
    text = "Oh yes. Those three people never really could have finished building their second house"
    first, _ = cues(said_at_paces((text, 0.48)))
    assert first.text.startswith("Oh yes. Those three")
    assert first.end - first.start >= SHORTEST


def test_what_is_said_too_fast_to_be_read_shares_cues_with_what_is_said_slowly() -> None:
    slow, fast = "Nobody there likes rain much, nobody ever did.", "Everybody here is wet again, everybody always."
    for cue in cues(said_at_paces((slow, 0.5), (fast, 0.2), (slow, 0.5))):
        assert cue.end - cue.start >= reading_time(cells(cue.text))


def test_word_times_that_go_back_are_put_in_order() -> None:
    words = (Word("one", 2.0, 2.5), Word("two", 1.0, 1.5), Word("three", 9.0, 8.0))
    pieces = pieces_of(Final("main", 1.5, 3.0, wall(0), "one two three", True, words), "one two three")
    assert [(piece.start, piece.end) for piece in pieces] == [(2000, 2500), (2000, 2000), (3000, 3000)]


def test_captions_of_one_utterance_are_cut_together() -> None:
    assert lines(said("We will go", 0, 1.5, ends=False), said("home now.", 1.6, 3)) == [("We will go home now.",)]


@pytest.mark.parametrize(
    "between",
    [
        Gap("main", 1.5, 1.6, wall(1.5), "the network was away"),
        Paused(1.5, wall(1.5)),
        InputChanged("main", 1.5, wall(1.5), "file", "talk.mp3"),
    ],
)
def test_what_comes_between_parts_an_utterance(between: Entry) -> None:
    shown = cues(said("We will go", 0, 1.5, ends=False), between, said("home now.", 1.6, 3))
    assert [cue.lines for cue in shown if cue.gap is None] == [("We will go",), ("home now.",)]


def test_a_word_that_is_said_for_ten_seconds_is_shown_for_seven() -> None:
    [cue] = cues(said("Gooooal!", 0, 10))
    assert (cue.start, cue.end) == (0, 7000)


def test_a_gap_is_told_and_nothing_is_shown_across_it() -> None:
    before, gap, after = cues(
        said("Sixty characters were said in a single second of this time.", 0, 1),
        Gap("main", 1.5, 4, wall(1.5), "the network was away"),
        said("Here we are again.", 4, 6),
    )
    assert before.end == 1500
    assert (gap.start, gap.end, gap.lines) == (1500, 4000, ("[2.5 s were not heard]",))
    assert after.start == 4000


def test_captions_that_lie_on_one_another_are_shown_one_after_the_other() -> None:
    shown = cues(
        *(said(f"Caption number {number} of those that were all said at one time.", 3, 3) for number in range(3))
    )
    assert [cue.start for cue in shown] == [3000, 3300, 3600]


# Tracks


def test_cues_of_two_tracks_may_overlap_and_come_in_the_order_of_their_starts() -> None:
    shown = cues(
        said("We have to do it today.", 0, 3, track="room"),
        said("It would be better to do that tomorrow.", 1, 4, track="main"),
        said("Why would it?", 3.5, 5, track="room"),
        tracks=("main", "room"),
    )
    assert [(cue.track, cue.start, cue.end) for cue in shown] == [
        ("room", 0, 3000),
        ("main", 1000, 4000),
        ("room", 3500, 5000),
    ]


# Any session


@settings(max_examples=150, deadline=None)
@given(sessions())
def test_every_word_is_shown_once_and_in_order(entries: list[Entry]) -> None:
    shown = cues(*entries, tracks=TRACKS)
    for track in TRACKS:
        text = " ".join(cue.text for cue in shown if cue.track == track and cue.gap is None)
        assert without_spaces(text) == said_in(entries, track)
        if not WRITTEN_WITHOUT_SPACES.search(text):
            captions = [entry.text for entry in entries if isinstance(entry, Final) and entry.track == track]
            assert text.split() == plain(" ".join(captions)).split()


@settings(max_examples=150, deadline=None)
@given(sessions())
def test_cues_are_valid_whatever_was_said(entries: list[Entry]) -> None:
    shown = cues(*entries, tracks=TRACKS)
    assert [cue.start for cue in shown] == sorted(cue.start for cue in shown)
    for track in TRACKS:
        own = [cue for cue in shown if cue.track == track]
        for cue in own:
            assert 0 <= cue.start < cue.end <= cue.start + LONGEST
            assert 1 <= len(cue.lines) <= 2
            assert all(line == line.strip() and line for line in cue.lines)
            room = cells_per_line(cue.text)
            assert all(cells(line) <= room for line in cue.lines) or (len(cue.lines) == 1 and " " not in cue.text)
        for cue, following in pairwise(own):
            assert cue.end <= following.start
            needed = reading_time(sum(map(cells, cue.lines)))
            assert cue.end == following.start or cue.end - cue.start >= needed


@settings(max_examples=150, deadline=None)
@given(leisurely())
def test_speech_that_leaves_the_time_is_within_all_limits(entries: list[Entry]) -> None:
    for cue in cues(*entries):
        assert SHORTEST <= cue.end - cue.start <= LONGEST
        assert cells(cue.text) <= (cue.end - cue.start + 1) / 50
        assert all(cells(line) <= cells_per_line(cue.text) for line in cue.lines)
        assert all(len(line.split()) > 1 for line in cue.lines)


@settings(max_examples=60, deadline=None)
@given(sessions(("main",)))
def test_asking_for_the_rest_changes_nothing(entries: list[Entry]) -> None:
    asked = CueStream({"main": ""})
    told: list[Cue] = []
    for number, entry in enumerate(entries, 1):
        told += asked.add(entry)
        assert [*told, *asked.rest()] == cues(*entries[:number])
