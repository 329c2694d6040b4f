"""Sessions for property tests: any that could be in a journal, and those in which every limit can be met."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from captions.events import Entry, Final, Gap, InputChanged, Mark, Paused, Resumed, Word
from captions.plain_text import plain

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TRACKS = ("main", "room")

HOSTILE = (
    "-->", "<b>", "</i>", "<v", "&amp;", "&", "<", ">", "{\\an8}", "\\N", "NOTE", "WEBVTT", "STYLE", "7", "[", "*x*",
    "_", "\n\n", "\r", "\x1b[31m", "\u2028", "\u00a0", "\u3000", "今\u3000日", "今\u00a0日", "\u200b", "\ufeff",
    "\ud800",
)  # fmt: skip
WORDS = (
    "yes", "a", "the", "meeting", "well,", "and", "of", "end.", "Wait!", "release", "да", "и", "в", "посмотрим,",
    "достопримечательность", "היום", "שלום", "مرحبا", "今日は、リリースの話です。", "「テスト」", "회의를", "नमस्ते",
    "👩\u200d👩\u200d👧", "🎉🎉", "e\u0301", "https://example.org/a/very/long/address/that/no/line/could/ever/hold",
)  # fmt: skip

words = st.sampled_from(WORDS) | st.sampled_from(HOSTILE) | st.text(max_size=12)
texts = st.lists(words, max_size=40).map(" ".join) | st.text(max_size=60)
times = st.floats(0, 60) | st.integers(0, 60).map(float)
durations = st.just(0.0) | st.floats(0, 0.5) | st.floats(0, 20)


def wall(time: float) -> datetime:
    """The time of day at a place on the session's clock."""
    return BEGAN + timedelta(seconds=time)


@st.composite
def captions(draw: st.DrawFn, tracks: Sequence[str] = TRACKS) -> Final:
    """Any caption: of any text, at any time, with or without words that may be anywhere."""
    start = draw(times)
    text = draw(texts)
    said = st.builds(Word, words, times, times)
    told = tuple(Word(word, start, start) for word in text.split()) if draw(st.booleans()) else ()
    return Final(
        draw(st.sampled_from(tracks)),
        start,
        start + draw(durations),
        wall(start),
        text,
        draw(st.booleans()),
        draw(st.just(()) | st.just(told) | st.lists(said, max_size=8).map(tuple)),
    )


@st.composite
def others(draw: st.DrawFn, tracks: Sequence[str] = TRACKS) -> Entry:
    """Any entry that is no caption."""
    time, track = draw(times), draw(st.sampled_from(tracks))
    gap = Gap(track, time, time + draw(durations), wall(time), draw(texts))
    mark = Mark(track, time, wall(time), draw(st.booleans()))
    changed = InputChanged(track, time, wall(time), draw(st.sampled_from(["microphone", "nothing"])), draw(texts))
    them: list[Entry] = [gap, mark, changed, Paused(time, wall(time)), Resumed(time, wall(time))]
    return draw(st.sampled_from(them))


def sessions(tracks: Sequence[str] = TRACKS) -> st.SearchStrategy[list[Entry]]:
    """Any session, in order or not."""
    entries = st.lists(captions(tracks) | captions(tracks) | others(tracks), max_size=12)
    return entries | entries.map(lambda them: sorted(them, key=lambda entry: entry.wall))


@st.composite
def leisurely(draw: st.DrawFn) -> list[Entry]:
    """A session in which every limit can be met: three words or more a caption, each said slowly enough to be read."""
    word = st.sampled_from(
        ["so", "I", "think,", "the", "meeting", "and", "finished.", "remarkable", "да,", "посмотрим"]
    )
    entries: list[Entry] = []
    time = 0.0
    for _ in range(draw(st.integers(1, 6))):
        time += draw(st.sampled_from([0.0, 0.1, 0.7, 3.0]))
        said: list[Word] = []
        for text in draw(st.lists(word, min_size=3, max_size=30)):
            end = round(time + draw(st.floats(0.55, 0.8)), 3)
            said.append(Word(text, time, end))
            time = end
        text = " ".join(word.text for word in said)
        told = tuple(said) if draw(st.booleans()) else ()
        entries.append(Final("main", said[0].start, time, wall(said[0].start), text, draw(st.booleans()), told))
    return entries


def said_in(entries: Sequence[Entry], track: str) -> str:
    """Everything that was said on a track, without what parts the words."""
    return without_spaces(
        plain(" ".join(entry.text for entry in entries if isinstance(entry, Final) and entry.track == track))
    )


def without_spaces(text: str) -> str:
    """The text without any space in it."""
    return "".join(text.split())
