"""What a recogniser said while it listened, with the times: recorded once, shown as often as one likes."""

import json
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from captions.audio.block import Samples
from captions.events import Final, Partial, Word
from captions.recognition.stabilizer import Stabilizer
from captions.server.engines import RATE, Engine
from tests.stability import Caption, Shown

BLOCK = RATE // 10
"""Samples that come at a time: 100 ms."""
MOST_AT_A_TIME = RATE
"""Samples that the server takes at a time when it is late."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text that a recogniser told at `time`, of the sound from `start` to `end`; all in seconds."""

    time: float
    text: str
    final: bool
    end_of_utterance: bool
    start: float
    end: float


def record(engine: Engine, samples: Samples) -> list[Said]:
    """Let an engine hear sound as if it came at its own pace, and return what it says.

    The clock is told: it stands at the end of the sound that has come, and goes on by what the engine's work takes on
    this machine. Sound that comes meanwhile is heard next, as the server does it.
    """
    stream = engine.open()
    said: list[Said] = []
    position, now = 0, 0.0
    while position < len(samples):
        now = max(now, min(position + BLOCK, len(samples)) / RATE)
        come = min(len(samples), max(position + BLOCK, int(now * RATE) // BLOCK * BLOCK))
        until = min(come, position + MOST_AT_A_TIME)
        began = time.perf_counter()
        heard = stream.hear(samples[position:until], partials=until == come)
        now += time.perf_counter() - began
        position = until
        for one in heard:
            start, end = (one.words[0].start, one.words[-1].end) if one.words else (now, now)
            said.append(Said(round(now, 3), one.text, one.final, one.end_of_utterance, round(start, 3), round(end, 3)))
    stream.close()
    return said


def silence(seconds: float) -> Samples:
    """Return silence, after which an utterance ends."""
    return np.zeros(round(seconds * RATE), np.int16)


def sample_recording(name: str) -> Path:
    """Return a recording that moonshine-voice carries."""
    package = find_spec("moonshine_voice")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "assets" / name


def save(said: Sequence[Said], path: Path) -> None:
    """Keep what was said, a line each."""
    lines = ",\n".join(json.dumps(astuple(one), ensure_ascii=False) for one in said)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def load(path: Path) -> list[Said]:
    """Return what was kept."""
    return [Said(*fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def show(said: Sequence[Said], mode: str) -> list[Caption]:
    """Return what is on the screen in a mode of the stabiliser, caption by caption."""
    stabilizer = Stabilizer(mode)
    captions: list[Caption] = []
    shown: list[Shown] = []

    def take(partial: Partial | None, now: float) -> None:
        if partial is not None:
            shown.append(Shown(now, partial.text, partial.committed))

    for one in said:
        while (due := stabilizer.due()) is not None and due < one.time:
            take(stabilizer.tick(due), due)
        words = (Word(one.text, one.start, one.end),)
        if not one.final:
            take(stabilizer.hypothesis(Partial("main", one.start, one.end, one.text, words=words), one.time), one.time)
            continue
        final = Final("main", one.start, one.end, datetime.now(UTC), one.text, one.end_of_utterance, words)
        stabilizer.final(final, one.time)
        shown.append(Shown(one.time, one.text, end_of_utterance=one.end_of_utterance))
        captions.append(shown)
        shown = []
    return captions
