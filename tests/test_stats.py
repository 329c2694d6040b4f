"""Figures of a session are those of its events."""

from datetime import UTC, datetime

from captions.events import Backlog, Delays, Final, Gap, Level, Spread, StreamEnded
from captions.stats import Stats

NOW = datetime.now(UTC)


def test_everything_that_is_known_is_told() -> None:
    stats = Stats()
    for event in (
        Level(59.9, -20.0, -10.0, -10.0, False),
        Final("main", 0.0, 1.0, NOW, "it was the best", True),
        Final("main", 1.0, 2.0, NOW, "of times", True),
        Gap("main", 2.0, 3.5, NOW, "nobody listened"),
        Gap("main", 4.0, 5.0, NOW, "nobody listened"),
        StreamEnded(0.0, NOW, "SpeechKit", 60.0, 4, 4),
        Backlog(7.25, 3),
        Backlog(0.5, 0),
        Delays(Spread(0.01, 0.02), None, Spread(0.0, 0.41), None, Spread(0.5, 1.25)),
        Level(60.0, -20.0, -10.0, -10.0, False),
    ):
        stats.count(event)
    assert stats.lines() == [
        "delays                  p50       p95",
        "capture to send      0.01 s    0.02 s",
        "stabiliser           0.00 s    0.41 s",
        "caption to final     0.50 s    1.25 s",
        "60.0 s of audio: 2 finals, 6 words, 1 stream, 2 gaps of 2.5 s; at most 7.2 s waited to be sent",
    ]


def test_of_a_session_without_sound_there_is_little_to_tell() -> None:
    assert Stats().lines() == ["0.0 s of audio: 0 finals, 0 words, 0 streams, 0 gaps"]
