"""Moonshine: English, on this machine, with the model that its package carries.

The package's own streaming is not used. Stretches of speech are found by a detector of ours (speech.py, utterances.py)
and read by the package's non-streaming call, for these reasons, each measured on version 0.0.73:

- its speech detector has one state for the whole process: of two streams at a time, each spoils the other's;
- its lines overlap by half a second where it splits them, so words at the seam are said twice;
- it splits at pauses of a quarter of a second, and a sentence read in pieces has more errors than one read whole;
- what an update costs grows with all that the stream has heard;
- results are kept in one place per model: two calls at a time garble each other's text. So one thread reads for all
  streams, and because the model spreads over all cores by itself, nothing is lost by that.
"""

import contextlib
import os
import time
import wave
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from captions.audio.block import Samples
from captions.errors import RecognizerMissing
from captions.server.engines import RATE
from captions.server.loops import is_loop, without_loops
from captions.server.reading import ReadingThreads
from captions.server.speech import SpeechDetector
from captions.server.utterances import STEP, Reading, Timings, Utterances

READ_EVERY = 0.4
"""Seconds of speech between two partials; with the step and the reading itself this stays under 0.5 s."""
READ_PER_SECOND = 10.0
"""Seconds of audio that are read in a second of continuous speech, on average: each partial reads its stretch anew."""
TIMINGS = Timings(long=4.0, longest=10.0)
"""What a partial costs grows with the stretch, and sentences of a few seconds are read as well as longer ones."""
MOST_BUSY = 0.7
"""Share of its time that the reading thread may be busy with streams at the pace of speech; the rest is for peaks."""
COSTS_KEPT = 51
"""Readings whose cheapest tells what this machine can do: whatever else runs makes the others dearer for a while."""


class MoonshineEngine:
    """The engine; making it loads the model, which takes a quarter of a second and blocks. Raises RecognizerMissing."""

    def __init__(self) -> None:
        try:
            import moonshine_voice
            from moonshine_voice.moonshine_api import ModelArch
            from moonshine_voice.transcriber import Transcriber
        except (ImportError, OSError) as error:
            raise RecognizerMissing(
                f"The recogniser on this machine cannot be loaded: {error}.",
                "Install it with: pip install 'captions[local]'. It runs on Linux with glibc 2.34 or later, macOS 15 "
                "on arm64 and Windows; anywhere else use a recogniser on another machine.",
            ) from None
        assets = Path(moonshine_voice.__file__).parent / "assets"
        model = assets / "tiny-en"
        if not model.is_dir():
            raise RecognizerMissing(
                "The installed moonshine-voice does not carry its English model.",
                "Install the release that does: pip install 'captions[local]'.",
            )
        self.name = "moonshine tiny-en"
        self.languages: tuple[str, ...] = ("en-US",)
        self.detects_language = False
        # A threshold of 0 makes all audio one line: where to split it is decided in utterances.py.
        options = {"vad_threshold": "0", "return_audio_data": "false", "identify_speakers": "false"}
        self._model = Transcriber(model, ModelArch.TINY, options=options)
        self._reading = _Reader(self._model)
        speech = _warm_up_speech(assets)
        self._reading.read(speech, urgent=True)  # the first is slower than all others
        self._reading.costs.clear()
        self._reading.read(speech, urgent=True)

    def capacity(self) -> int:
        """See Engine: from what readings cost lately, beginning with one that was made while loading."""
        return max(1, int(MOST_BUSY / (READ_PER_SECOND * min(self._reading.costs))))

    def open(self, language: str = "", *, end_silence: float | None = None) -> Utterances:
        """See Engine. There is one language only."""
        return Utterances(SpeechDetector(), self._reading, TIMINGS, end_silence=end_silence)

    def close(self) -> None:
        """See Engine."""
        self._reading.close()
        self._model.close()


class _Reader:
    """Reads for all streams, in one thread."""

    def __init__(self, model: Any) -> None:
        self.costs: deque[float] = deque(maxlen=COSTS_KEPT)
        """Seconds that reading a second of audio took, lately."""
        self._model = model
        self._threads = ReadingThreads("moonshine")

    def read_every(self) -> float:
        """See Reader."""
        return READ_EVERY

    def read(self, samples: Samples, *, urgent: bool) -> Reading:
        """See Reader. Raises RuntimeError after `close`."""
        return Reading(self._threads.call(lambda: self._read(samples), urgent=urgent))

    def close(self) -> None:
        """End the thread after what it is reading. Idempotent."""
        self._threads.close()

    def _read(self, samples: Samples) -> str:
        text = self._transcribe(samples)
        if is_loop(text, len(samples) / RATE):
            # Read in two halves, cut where it is quietest near the middle, the model finds its way again.
            middle = _quietest_near_middle(samples)
            text = f"{self._transcribe(samples[:middle])} {self._transcribe(samples[middle:])}".strip()
        return without_loops(text)

    def _transcribe(self, samples: Samples) -> str:
        audio = (samples.astype(np.float32) / 32768).tolist()
        began = time.perf_counter()
        lines = self._model.transcribe_without_streaming(audio, RATE).lines
        self.costs.append((time.perf_counter() - began) / (len(samples) / RATE))
        return " ".join(filter(None, (line.text.strip() for line in lines))).replace(",,", ",")


def _quietest_near_middle(samples: Samples) -> int:
    third = len(samples) // 3
    middle = samples[third : 2 * third].astype(np.float32)
    energy = np.convolve(middle * middle, np.ones(STEP, np.float32), "same")
    return third + int(np.argmin(energy))


def _warm_up_speech(assets: Path) -> Samples:
    """Return 3 s of speech to read while loading, which tells what a reading costs on this machine."""
    with contextlib.suppress(OSError, EOFError, wave.Error), wave.open(os.fspath(assets / "beckett.wav")) as file:
        every = file.getframerate() // RATE
        if every * RATE == file.getframerate() and file.getnchannels() == 1 and file.getsampwidth() == 2:
            return np.frombuffer(file.readframes(3 * file.getframerate()), "<i2")[::every].copy()
    return np.zeros(3 * RATE, np.int16)
