"""Puts the sound that comes into segments: where a stream ends, and the next begins, is decided here.

A segment ends where the input or the settings change, where the user pauses, before the recogniser's limits, and in a
long silence where audio is billed. Every sample belongs to one segment, except those of such a silence, which nobody
needs to hear.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from captions.audio.block import AudioBlock
from captions.audio.level import LevelMeter, quietest_moment
from captions.audio.pauses import SpeechDetector
from captions.events import Gap, Level
from captions.recognition.limits import AS_QUIET_DECIBELS, PAUSE_SECONDS, Rotation
from captions.recognition.listening import Listening
from captions.recognition.segment import Segment
from captions.recognition.sequence import Sequence

CHANGE_SECONDS = 2.0
"""How long a stream waits for a pause in speech after a change of settings. From then on the next moment will do that
is about as quiet as the quietest was in this time: between two words."""
LONGEST_CHANGE_SECONDS = 5.0
"""How long it waits at most, whatever is to be heard."""
BEFORE_SPEECH_SECONDS = 1.0
"""How much audio before the first speech a stream gets that is begun after a silence."""


class Intake:
    """Takes blocks in order. `begun` is told of each new segment, and of the one before it.

    `position` is where the next block belongs, in samples at the rate of `listening`.
    """

    def __init__(
        self,
        listening: Listening,
        sequence: Sequence,
        begun: Callable[[Segment, Segment | None], None],
        *,
        track: str,
        make_detector: Callable[[float], SpeechDetector],
    ) -> None:
        self.listening = listening
        self.position = 0
        self.live: Segment | None = None
        """The segment to which the next block belongs, if it is begun."""
        self.silent = False
        """Whether nobody listens until somebody speaks."""
        self.last_words = 0.0
        """When the recogniser last gave words, in seconds on the session's clock."""
        self.speech = make_detector(0.0)
        self._sequence = sequence
        self._begun = begun
        self._track = track
        self._make_detector = make_detector
        self._meter = LevelMeter()
        self._rotation = Rotation(0.0)
        self._outdated_since: float | None = None
        self._quietest = 0.0
        """The level of the quietest moment since then, in dBFS."""
        self._unheard: deque[AudioBlock] = deque()
        """The last blocks of a silence that nobody hears."""

    @property
    def time(self) -> float:
        """Seconds of audio so far."""
        return self.position / self.listening.audio_format.rate

    def begin_input(self) -> None:
        """Sound comes from somewhere else from now on."""
        self.cut()
        self._meter = LevelMeter()
        self.speech = self._make_detector(self.time)

    def change(self, listening: Listening) -> None:
        """Let the segments that begin from now on be heard differently; the clock goes on at another rate."""
        self.position = round(self.position * listening.audio_format.rate / self.listening.audio_format.rate)
        self.listening = listening

    def cut(self) -> None:
        """End the live segment here: the next sample will be the first of another."""
        self.silent = False
        self._unheard.clear()
        if self.live is not None:
            self.live.close()
            self.live = None

    def skip(self, seconds: float, reason: str) -> None:
        """Let the clock go on over time in which no sound was captured."""
        start = self.time
        self.cut()
        self.position += round(seconds * self.listening.audio_format.rate)
        self.speech = self._make_detector(self.time)
        wall = datetime.now(UTC) - timedelta(seconds=seconds)
        self._sequence.tell(Gap(self._track, start, self.time, wall, reason))

    def take(self, block: AudioBlock) -> Level:
        """Put a block where it belongs, and return its level."""
        if block.position > self.position:
            self.skip((block.position - self.position) / block.rate, "the audio was not taken in time")
        self.position = block.end
        level = self._meter.measure(block)
        self.speech.hear(block)
        if self.silent:
            self._wait_for_speech(block)
        elif self.live is None:
            self._add(block)
        else:
            self._go_on(self.live, block)
        self._sequence.bound(self.listening.kept_seconds)
        return level

    def _go_on(self, live: Segment, block: AudioBlock) -> None:
        """Add a block to the live segment, or end it within the block, at its quietest moment: between two words."""
        quiet = self.time - self.speech.quiet_since
        middle, loudness = quietest_moment(block)
        is_outdated = self._is_outdated(live, quiet, loudness)
        if self._rotation.ends((block.end - live.start) / live.rate, quiet, loudness) or is_outdated:
            before = middle - block.position
            live.take(replace(block, samples=block.samples[:before]))
            self.cut()
            self._add(replace(block, samples=block.samples[before:], position=middle))
            return
        self._add(block)
        if self._silence_is_not_worth_its_price(quiet):
            self.cut()
            self.silent = True

    def _add(self, block: AudioBlock) -> None:
        if self.live is None:
            wall = datetime.now(UTC) - timedelta(seconds=self.time - block.position / block.rate)
            self.live, before = self._sequence.begin(block.position, block.rate, wall)
            self._rotation = self.listening.rotation(block.rate)
            self._begun(self.live, before)
        self.live.take(block)

    def _wait_for_speech(self, block: AudioBlock) -> None:
        """Hold the last blocks of a silence, and begin a segment with them when speech returns."""
        self._unheard.append(block)
        while self._unheard[0].end < block.end - BEFORE_SPEECH_SECONDS * block.rate:
            self._unheard.popleft()
        if self.speech.speaking:
            self.silent = False
            while self._unheard:
                self._add(self._unheard.popleft())

    def _is_outdated(self, live: Segment, quiet: float, loudness: float) -> bool:
        """Whether the settings have changed since the live stream was opened, and it can end: between two words."""
        if live.heard_with in (None, self.listening):
            self._outdated_since = None
            return False
        if self._outdated_since is None:
            self._outdated_since, self._quietest = self.time, 0.0
        waited = self.time - self._outdated_since
        as_quiet = loudness <= self._quietest + AS_QUIET_DECIBELS
        self._quietest = min(self._quietest, loudness)
        if quiet >= PAUSE_SECONDS:
            return True
        return waited >= LONGEST_CHANGE_SECONDS or (waited >= CHANGE_SECONDS and as_quiet)

    def _silence_is_not_worth_its_price(self, quiet: float) -> bool:
        """Whether it has been silent for long where audio is billed: to the detector, and to the recogniser too."""
        is_billed = self.listening.stream_limits.billed_seconds is not None
        return is_billed and 0 < self.listening.silence_seconds < min(quiet, self.time - self.last_words)
