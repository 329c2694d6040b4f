"""Whisper's model, as faster-whisper and CTranslate2 run it: from a stretch of speech to text, in one call each."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from captions.audio.block import Samples
from captions.errors import RecognizerMissing
from captions.events import Word
from captions.plain_text import plain
from captions.server.engines import RATE

FRAMES = 100
"""Frames of features a second. The encoder makes one step of two of them, and tells words' times in such steps."""
PADDING = 2 * FRAMES
"""Silence that follows the speech at least, in frames."""
SIZES = 2 * FRAMES
"""Lengths are rounded up to a multiple of this: memory grows with each length that is new."""
WHOLE = 30 * FRAMES
"""The length that the model was made with, and the most that it takes."""
TOKENS, TOKENS_PER_SECOND = 24, 12
"""How many tokens a reading may have: so many, and so many more a second. Nobody speaks faster in any language."""
MOST_TOKENS = 440
"""The model's own limit is 448, with its beginning."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A stretch of speech, encoded."""

    features: Any
    frames: int
    """Frames of speech in it, without the silence after it."""

    @property
    def seconds(self) -> float:
        return self.frames / FRAMES


@dataclass(frozen=True, slots=True)
class Written:
    """What the model writes of it, and how sure it is."""

    text: str
    tokens: list[int]
    no_speech: float
    """Probability that nobody speaks."""
    confidence: float
    """Mean of the natural logarithms of the tokens' probabilities, that of the end among them."""


class WhisperModel:
    """A model of any size that knows many languages. Its methods block, and may be called in `threads` threads at once.

    Making it loads the model. Raises RecognizerMissing.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        try:
            import ctranslate2
            import faster_whisper
            from faster_whisper.tokenizer import Tokenizer
        except (ImportError, OSError) as error:
            raise not_installed(str(error)) from None
        named = plain(str(folder))
        try:
            whole = faster_whisper.WhisperModel(
                os.fspath(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=threads
            )
        except Exception as error:  # the tokenizer's file raises Exception itself where it is not valid
            raise RecognizerMissing(
                f"The Whisper model in {named} cannot be loaded: {plain(str(error)).rstrip('.')}.",
                "Get it again, or give another folder with --whisper-model.",
            ) from None
        if not whole.model.is_multilingual:
            raise RecognizerMissing(
                f"The Whisper model in {named} knows English only.", "Give one without .en in its name."
            )
        self._model = whole.model
        self._features = whole.feature_extractor
        self._view = ctranslate2.StorageView.from_array
        self._tokenizer = Tokenizer
        self._tokens = whole.hf_tokenizer
        self._tokenizers: dict[str, Any] = {}

    def encode(self, samples: Samples, *, whole: bool = False) -> Encoded:
        """Encode a stretch at `RATE`, up to 28 s: with 2 to 4 s of silence after it, or the `whole` half minute."""
        speech = min(len(samples) * FRAMES // RATE, WHOLE)
        frames = WHOLE if whole else min(-(-(speech + PADDING) // SIZES) * SIZES, WHOLE)
        audio = np.zeros(frames * RATE // FRAMES, np.float32)
        audio[: len(samples)] = samples[: len(audio)].astype(np.float32) / 32768
        features = np.ascontiguousarray(self._features(audio)[np.newaxis, :, :frames], dtype=np.float32)
        return Encoded(self._model.encode(self._view(features)), speech)

    def detect(self, encoded: Encoded, languages: Sequence[str]) -> tuple[str, float]:
        """Return which of `languages` (Whisper's names, such as "ru") is spoken, and how likely it is among them."""
        (every,) = self._model.detect_language(encoded.features)
        likely = {token.strip("<|>"): probability for token, probability in every}
        best = max(languages, key=lambda language: likely.get(language, 0.0))
        total = sum(likely.get(language, 0.0) for language in set(languages))
        return best, likely.get(best, 0.0) / total if total else 0.0

    def write(self, encoded: Encoded, language: str) -> Written:
        """Return the likeliest text, word by word."""
        tokenizer = self._for(language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        (result,) = self._model.generate(
            encoded.features,
            [prompt],
            beam_size=1,
            max_length=min(len(prompt) + TOKENS + int(TOKENS_PER_SECOND * encoded.seconds), MOST_TOKENS),
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = result.sequences_ids[0]
        return Written(
            text=tokenizer.decode(tokens).strip(),
            tokens=tokens,
            no_speech=result.no_speech_prob,
            confidence=result.scores[0] * len(tokens) / (len(tokens) + 1),
        )

    def words(self, encoded: Encoded, written: Written, language: str) -> tuple[Word, ...]:
        """Return the words of the text with their times in seconds, as the model's attention to the audio has them."""
        tokenizer = self._for(language)
        (aligned,) = self._model.align(encoded.features, tokenizer.sot_sequence, [written.tokens], encoded.frames)
        tokens, steps = np.array(aligned.alignments).T
        begins = steps[np.diff(tokens, prepend=-1) > 0] * 2 / FRAMES  # when each token begins, the end among them
        pieces, pieces_tokens = tokenizer.split_to_word_tokens([*written.tokens, tokenizer.eot])
        at = [0, *itertools.accumulate(map(len, pieces_tokens))]
        words: list[Word] = []
        for number, piece in enumerate(pieces[:-1]):
            start, end = float(begins[at[number]]), float(begins[at[number + 1]])
            if words and not piece.startswith(" "):  # punctuation
                words[-1] = Word(words[-1].text + piece.strip(), words[-1].start, words[-1].end)
            elif piece.strip():
                words.append(Word(piece.strip(), start, max(start, end)))
        return tuple(words)

    def close(self) -> None:
        """Free the model's memory."""
        self._model.unload_model()

    def _for(self, language: str) -> Any:
        if language not in self._tokenizers:
            self._tokenizers[language] = self._tokenizer(self._tokens, True, task="transcribe", language=language)
        return self._tokenizers[language]


def not_installed(reason: str) -> RecognizerMissing:
    """Return what to say where the packages cannot be imported."""
    return RecognizerMissing(
        f"The Whisper recogniser on this machine cannot be loaded: {plain(reason)}.",
        "Install it with: pip install 'captions[whisper]'.",
    )
