"""Whisper: the service's languages on this machine, with a model in a folder (CTranslate2's format, faster-whisper).

The model was made to read half a minute at a time. To caption live with it on a processor:

- Stretches of speech are found by a detector of ours (speech.py, utterances.py) and read from their beginning for each
  partial; a partial shows that in which two readings agree (agreement.py).
- It is given the speech and two to four seconds of silence instead of half a minute: the encoder then takes a fifth of
  the time, and the words stay the same. With so little silence it says things twice, or over and over, more often; a
  reading for good that does is made again with half a minute, a partial that loops is not shown.
- Nothing that was written before is given to it: it would go on with it.
- One core reads for a stream: a second would make a reading a tenth shorter, and is better spent on a second stream.

It writes words where there are none: of noise, music and silence. What it says itself of how likely that is decides,
not what the words are: see `is_invented`.
"""

import importlib.util
import os
import re
import threading
import time
from collections import deque
from pathlib import Path

from captions.audio.block import Samples
from captions.errors import RecognizerMissing
from captions.plain_text import plain
from captions.server.engines import RATE
from captions.server.loops import is_loop, says_twice, without_loops
from captions.server.models import WHISPER_LANGUAGES, what_is_wrong
from captions.server.reading import ReadingThreads
from captions.server.speech import SpeechDetector
from captions.server.utterances import Reading, Timings, Utterances
from captions.server.whisper_model import Encoded, WhisperModel, Written, not_installed

LANGUAGES = ("ru-RU", *(code for code in WHISPER_LANGUAGES if code != "ru-RU"))
"""The service's, its default first. The model does not tell pt-BR from pt-PT: the first asked for is told."""
TIMINGS = Timings(long=9.0, longest=12.0)
"""A sentence that is read whole has fewer errors, and what a partial costs grows with the stretch."""
READ_EVERY, READ_EVERY_BUSY = 0.7, 1.5
"""Seconds of speech between two partials while each stream has a core for itself, and while more streams speak."""
BREATH = 1.5
"""How many times as long as a partial took must be spoken before the next: a machine that is busy with other things
would else do nothing but partials, and fall behind for good."""
STILL_SPEAKS = 3.0
"""Seconds after its last reading for which a stream counts as one that speaks."""
READ_PER_SECOND = 6.0
"""Seconds of audio that are read in a second of continuous speech at the slower pace, on average."""
MOST_BUSY = 0.7
"""Share of its time that a core may be busy with streams at the pace of speech; the rest is for peaks."""
COSTS_KEPT = 51
"""Readings whose cheapest tells what this machine can do: whatever else runs makes the others dearer for a while."""
SURE = 0.6
"""Probability from which a language that is detected takes the place of the one that was spoken before."""


DRAWN_OUT = re.compile(r"(\w)(?:-\1){3,}", re.IGNORECASE)
"""One sound four times in a row, as a howl is written."""
LONGEST_ABBREVIATION = 5
"""Characters of a text in capitals that may be one."""


def is_invented(written: Written, *, looped: bool = False) -> bool:
    """Whether the model wrote words of what is no speech, by its own account.

    Measured on recordings of several voices and rates, and on digital silence, noise of three colours, tones, chords,
    melodies and hum, half a second to ten seconds of each. Of speech the model holds no speech to be less likely than
    0.6, or its words to be good (a confidence above -1); of the others it is mostly the other way round, and where one
    of the two is extreme it is enough. Loops, and the descriptions in capitals that are in the subtitles it was trained
    on ("ТРЕВОЖНАЯ МУЗЫКА"), are good words to it, and so is a tone drawn out as "у-у-у-у"; there a smaller doubt is
    enough.
    """
    doubt, confidence = written.no_speech, written.confidence
    if doubt > 0.85 or confidence < -1.5 or (doubt > 0.4 and confidence < -1.3) or (doubt > 0.6 and confidence < -1.0):
        return True
    described = written.text.isupper() and len(written.text) > LONGEST_ABBREVIATION
    return ((looped or DRAWN_OUT.search(written.text) is not None) and doubt > 0.2) or (described and doubt > 0.4)


class WhisperEngine:
    """The engine. Making it looks whether package and model are there; `load`, or the first stream, loads them.

    Raises RecognizerMissing, also from `load` and `open`.
    """

    def __init__(self, model_folder: Path) -> None:
        if wrong := what_is_wrong(model_folder):
            raise RecognizerMissing(
                f"The folder {plain(str(model_folder))} holds no Whisper model: {wrong}.",
                "Give one that holds a model in CTranslate2's format, with --whisper-model.",
            )
        if importlib.util.find_spec("faster_whisper") is None:
            raise not_installed("faster-whisper is not installed")
        self.name = f"whisper {plain(model_folder.name)}"
        self.languages: tuple[str, ...] = LANGUAGES
        self.detects_language = True
        self._folder = model_folder
        self._readers = min(2, os.cpu_count() or 1)
        self._shared: _Shared | None = None
        self._closed = False
        self._loading = threading.Lock()

    def load(self) -> None:
        """Load the model, which takes about a second and blocks. Raises RecognizerMissing. Idempotent."""
        self._loaded()

    def capacity(self) -> int:
        """See Engine: from what readings cost lately; before the model is loaded, one for each core that reads."""
        shared = self._shared
        return self._readers if shared is None else shared.capacity()

    def open(self, language: str = "", *, end_silence: float | None = None) -> Utterances:
        """See Engine. Loads the model for the first stream. Raises RecognizerMissing."""
        languages = self.languages if language == "auto" else (language or self.languages[0]).split(",")
        reader = _Reader(self._loaded(), tuple(languages))
        return Utterances(SpeechDetector(), reader, TIMINGS, agree=True, end_silence=end_silence)

    def close(self) -> None:
        """See Engine."""
        with self._loading:
            self._closed = True
            if self._shared is not None:
                self._shared.close()

    def _loaded(self) -> "_Shared":
        with self._loading:
            if self._closed:
                raise RuntimeError("the engine is closed")
            if self._shared is None:
                self._shared = _Shared(WhisperModel(self._folder, self._readers), self._readers)
            return self._shared


class _Shared:
    """What all streams share: the model, the threads that read, and what is known of their load."""

    def __init__(self, model: WhisperModel, readers: int) -> None:
        self.model = model
        self.threads = ReadingThreads("whisper", readers)
        self._readers = readers
        self._costs: deque[float] = deque(maxlen=COSTS_KEPT)
        self._read_at: dict[_Reader, float] = {}

    def began(self, reader: "_Reader") -> None:
        """Note that a stream has something to read."""
        now = time.monotonic()
        self._read_at = {one: at for one, at in self._read_at.copy().items() if now - at < STILL_SPEAKS} | {reader: now}

    def cost(self, seconds: float, audio: float) -> None:
        """Note that reading `audio` seconds for good took so many."""
        self._costs.append(seconds / audio)

    def read_every(self) -> float:
        """See Reader."""
        return READ_EVERY if len(self._read_at) <= self._readers else READ_EVERY_BUSY

    def capacity(self) -> int:
        """See Engine."""
        if not self._costs:
            return self._readers
        return max(1, int(MOST_BUSY * self._readers / (READ_PER_SECOND * min(self._costs))))

    def close(self) -> None:
        self.threads.close()
        self.model.close()


class _Reader:
    """One stream's way to the model. It is a `Reader`."""

    def __init__(self, shared: _Shared, languages: tuple[str, ...]) -> None:
        self._shared = shared
        self._codes = {whispers(code): code for code in reversed(languages)}
        """Which code to tell of each language that the model tells apart."""
        self._spoken = "" if len(self._codes) > 1 else next(iter(self._codes))
        """The language of the reading before; the only one from the beginning."""
        self._took = 0.0
        """Seconds that the partial before took, waiting for others included."""

    def read_every(self) -> float:
        """See Reader."""
        return max(self._shared.read_every(), BREATH * self._took)

    def read(self, samples: Samples, *, urgent: bool) -> Reading:
        """See Reader. What is not urgent comes without the words' times."""
        self._shared.began(self)
        began = time.monotonic()
        reading = self._shared.threads.call(lambda: self._read(samples, for_good=urgent), urgent=urgent)
        if not urgent:
            self._took = time.monotonic() - began
        return reading

    def _read(self, samples: Samples, *, for_good: bool) -> Reading:
        model, seconds = self._shared.model, len(samples) / RATE
        began = time.perf_counter()
        encoded = model.encode(samples)
        language = self._language(encoded)
        written = model.write(encoded, language)
        looped = is_loop(written.text, seconds)
        if for_good and (looped or says_twice(written.text)):
            encoded = model.encode(samples, whole=True)
            written = model.write(encoded, language)
            looped = is_loop(written.text, seconds)
        elif for_good and seconds >= 1.0:
            self._shared.cost(time.perf_counter() - began, seconds)
        if not written.text or is_invented(written, looped=looped) or (looped and not for_good):
            return Reading()
        told = self._codes[language] if len(self._codes) > 1 else ""
        if not for_good:
            return Reading(written.text, language=told)
        words = model.words(encoded, written, language)
        text = " ".join(word.text for word in words)
        if without_loops(text) != text:
            return Reading(without_loops(text), language=told)
        return Reading(text, words, told)

    def _language(self, encoded: Encoded) -> str:
        if len(self._codes) == 1:
            return self._spoken
        language, probability = self._shared.model.detect(encoded, tuple(self._codes))
        if not self._spoken or probability >= SURE:
            self._spoken = language
        return self._spoken


def whispers(code: str) -> str:
    """Return Whisper's name of a language: "ru" for "ru-RU"."""
    return code.partition("-")[0]
