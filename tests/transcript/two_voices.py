"""A short session with everything in it that a transcript can hold, for the golden files."""

from datetime import UTC, datetime, timedelta, timezone

from captions.events import (
    Entry,
    Final,
    Gap,
    InputChanged,
    Mark,
    Notice,
    Paused,
    Resumed,
    Severity,
    StreamEnded,
    Titled,
    Word,
)
from captions.transcript.formats import About

BEGAN = datetime(2026, 11, 23, 21, 59, 30, tzinfo=UTC)
PAUSE = 600.0

ABOUT = About(
    started=BEGAN,
    ended=BEGAN + timedelta(minutes=12),
    title="Plans *for* <March>",
    program="captions 1.0",
    labels={"main": "You", "room": "The room"},
    zone=timezone(timedelta(hours=3)),
)


def at(seconds: float, paused: float = 0.0) -> datetime:
    """The time of day at a place on the session's clock, after so long a pause."""
    return BEGAN + timedelta(seconds=seconds + paused)


def said(track: str, start: float, text: str, *, ends: bool = True, paused: float = 0.0, pace: float = 0.4) -> Final:
    """A caption with word times."""
    words = tuple(
        Word(word, round(start + number * pace, 3), round(start + (number + 1) * pace, 3))
        for number, word in enumerate(text.split())
    )
    return Final(track, start, words[-1].end, at(start, paused), text, ends, words)


ENTRIES: list[Entry] = [
    InputChanged("main", 0.0, at(0), "microphone", "USB [stereo]"),
    InputChanged("room", 0.0, at(0), "file", "room_1.ogg"),
    Titled(0.2, at(0.2), "Plans *for* <March>"),
    said("main", 0.5, "Good morning. Today we talk about the plans for March, and about what they", ends=False),
    said("main", 6.1, "will cost & who pays <b>all</b> of it."),
    Mark("main", 7.0, at(9.0)),
    said("room", 9.5, "1. Yes."),
    said("main", 10.4, "Is that all there is to say about it, then?"),
    said("room", 12.0, "No, I would not say so, not at all."),
    Gap("room", 16.0, 28.5, at(16.0), "the network was away --> see_there"),
    StreamEnded(28.5, at(28.5), "SpeechKit", 28.5, 2, 2),
    Notice(28.5, at(28.5), Severity.WARNING, "The network was away.", "Look at the cable."),
    Paused(29.0, at(29.0)),
    Resumed(29.0, at(29.0, PAUSE)),
    Mark("room", 30.0, at(30.0, PAUSE)),
    Final(
        "room",
        29.5,
        36.5,
        at(29.5, PAUSE),
        "Всем привет, продолжаем. Сначала вопросы, а потом мы все идём домой.",
        True,
    ),
    Mark("room", 30.0, at(37.0, PAUSE), removed=True),
    Mark("main", 37.5, at(37.5, PAUSE)),
    Final("main", 38.0, 44.0, at(38.0, PAUSE), "今日はリリースについてお話しします。「テスト」がまだあります。", False),
    Final("main", 44.1, 45.0, at(44.1, PAUSE), "はい。", True),
    Final("main", 45.0, 45.5, at(45.0, PAUSE), " \n", True),
]
