"""Why there are no captions is told once, after 45 s of audio, and not where there is nothing to be told."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from captions.audio.level import FLOOR
from captions.events import (
    Event,
    Final,
    InputChanged,
    Level,
    Notice,
    Partial,
    Paused,
    Phase,
    Resumed,
    SessionState,
    Severity,
)
from captions.recognition.silence_hints import DIGITAL_SILENCE, SilenceHints

WALL = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BLOCK = 0.1


class Room:
    """A session as the hints hear it, told block by block."""

    def __init__(self, kind: str = "microphone", platform: str = "linux") -> None:
        self.hints = SilenceHints(platform)
        self.time = 0.0
        self.tell(InputChanged("main", 0.0, WALL, kind, "Webcam HD"))
        self.state(Phase.LISTENING)

    def tell(self, event: Event) -> None:
        assert self.hints.hear(event, WALL) is None

    def state(self, phase: Phase) -> None:
        self.tell(SessionState(phase, "SpeechKit", "", 0.0))

    def words(self, text: str = "hello") -> None:
        self.tell(Partial("main", self.time, self.time, text))

    def sound(self, seconds: float, rms: float, *, speech: float = 0.0, peak: float | None = None) -> list[Notice]:
        """Hear so much sound; the part `speech` of each second is speech."""
        return list(self._sound(seconds, rms, speech, rms + 12 if peak is None else peak))

    def _sound(self, seconds: float, rms: float, speech: float, peak: float) -> Iterator[Notice]:
        for _ in range(round(seconds / BLOCK)):
            self.time = round(self.time + BLOCK, 3)
            level = Level(self.time, rms, peak, peak, clipped=False)
            if notice := self.hints.hear(level, WALL, speaking=self.time % 1 < speech):
                yield notice

    def silence(self, seconds: float) -> list[Notice]:
        return self.sound(seconds, FLOOR, peak=FLOOR)


def test_the_silence_of_a_level_is_that_of_the_meter() -> None:
    assert DIGITAL_SILENCE == FLOOR


def test_a_muted_microphone_is_told_once_after_45_seconds() -> None:
    room = Room()
    assert room.silence(44.9) == []
    (notice,) = room.silence(0.2)
    assert (notice.time, notice.severity, notice.wall) == (45.0, Severity.WARNING, WALL)
    assert notice.message == "There has been no sound for 45 s."
    assert "Webcam HD gives digital silence: it is muted" in notice.hint
    assert room.silence(600) == []


def test_it_is_told_again_when_it_was_over_in_between() -> None:
    room = Room()
    assert len(room.silence(60)) == 1
    room.sound(1, -30)
    assert len(room.silence(60)) == 1


@pytest.mark.parametrize(("platform", "said"), [("darwin", "Privacy & Security"), ("win32", "Privacy, Microphone")])
def test_where_systems_ask_for_permission_that_is_said(platform: str, said: str) -> None:
    (notice,) = Room(platform=platform).silence(46)
    assert said in notice.hint


def test_a_microphone_that_gives_next_to_nothing_is_told_with_its_level() -> None:
    (notice,) = Room().sound(46, -85, peak=-71)
    assert "-71 dBFS" in notice.hint
    assert "volume" in notice.hint


@pytest.mark.parametrize(
    ("kind", "said"), [("monitor", "another output"), ("pipe", "sent from"), ("address", "sent from")]
)
def test_of_other_inputs_the_reason_is_theirs(kind: str, said: str) -> None:
    (notice,) = Room(kind).silence(46)
    assert said in notice.hint


@pytest.mark.parametrize("kind", ["file", "sample", "nothing"])
def test_files_may_be_silent(kind: str) -> None:
    assert Room(kind).silence(300) == []


def test_a_quiet_room_in_which_nobody_speaks_is_no_reason_to_say_anything() -> None:
    assert Room().sound(600, -58) == []
    assert Room().sound(600, -45) == []


def test_a_pause_is_no_silence() -> None:
    room = Room()
    assert room.silence(40) == []
    room.tell(Paused(room.time, WALL))
    room.tell(Resumed(room.time, WALL))
    assert room.silence(40) == []
    assert len(room.silence(6)) == 1


def test_a_hole_in_the_sound_is_no_silence() -> None:
    room = Room()
    assert room.sound(1, -58) == []
    room.time += 300
    assert room.silence(40) == []
    assert len(room.silence(6)) == 1


def test_another_input_starts_anew() -> None:
    room = Room()
    assert len(room.silence(50)) == 1
    room.tell(InputChanged("main", room.time, WALL, "microphone", "Headset"))
    (notice,) = room.silence(50)
    assert "Headset" in notice.hint


def test_speech_without_words_asks_for_the_language_once() -> None:
    room = Room()
    assert room.sound(44.8, -25, speech=0.7) == []
    (notice,) = room.sound(1, -25, speech=0.7)
    assert notice.message == "No words have come for 45 s, though there is sound."
    assert "-25 dBFS" in notice.hint
    assert "another language" in notice.hint
    assert room.sound(300, -25, speech=0.7) == []


def test_words_end_it() -> None:
    room = Room()
    for _ in range(20):
        assert room.sound(40, -25, speech=0.7) == []
        room.words()
    assert len(room.sound(50, -25, speech=0.7)) == 1
    room.tell(Final("main", 0, room.time, WALL, "hello", end_of_utterance=True))
    assert len(room.sound(50, -25, speech=0.7)) == 1


def test_a_partial_that_is_taken_away_is_no_word() -> None:
    room = Room()
    room.sound(40, -25, speech=0.7)
    room.words("")
    assert len(room.sound(6, -25, speech=0.7)) == 1


def test_silence_before_the_first_speech_does_not_count() -> None:
    room = Room()
    assert room.sound(300, -58) == []
    assert room.sound(44, -25, speech=0.7) == []
    assert len(room.sound(2, -25, speech=0.7)) == 1


def test_faint_speech_is_told_with_its_level() -> None:
    (notice,) = Room().sound(46, -48, speech=0.7)
    assert "faint (-48 dBFS)" in notice.hint


def test_music_and_noise_are_told_from_speech() -> None:
    (notice,) = Room().sound(46, -20)
    assert "(-20 dBFS) is music or noise" in notice.hint


def test_a_recogniser_that_was_lost_meanwhile_is_the_reason() -> None:
    room = Room()
    room.sound(20, -25, speech=0.7)
    room.state(Phase.RECONNECTING)
    room.state(Phase.LISTENING)
    (notice,) = room.sound(26, -25, speech=0.7)
    assert "has not answered" in notice.hint


def test_while_the_state_tells_why_there_are_no_words_nothing_is_added() -> None:
    room = Room()
    room.state(Phase.RECONNECTING)
    assert room.sound(300, -25, speech=0.7) == []
