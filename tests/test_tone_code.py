"""The code of sound by which tests tell which words were lost: every whole word is read, and no other."""

import math
import random
from collections.abc import Iterator
from itertools import repeat

import numpy as np
import pytest

from captions.audio.block import AudioBlock, Samples
from captions.audio.ogg_opus import OggOpusEncoder
from captions.server.audio_decoders import OGG_OPUS, PcmDecoder
from captions.server.engines import RATE, Heard
from tests.tone_code import (
    NUMBERS,
    SHORTEST_GAP,
    ToneDetector,
    ToneEngine,
    ToneReader,
    encode,
    read_word,
    speech_like,
    without_pause,
)


def pieces(samples: Samples, length: int) -> Iterator[Samples]:
    for start in range(0, len(samples), length):
        yield samples[start : start + length]


def heard_by(engine: ToneEngine, samples: Samples, *, partials: bool = True, piece: int = 1_600) -> list[Heard]:
    stream = engine.open()
    heard = [one for part in pieces(samples, piece) for one in stream.hear(part, partials=partials)]
    return heard + stream.finish()


@pytest.mark.parametrize("length", [1, 159, 1_600, 10**9])
def test_every_word_is_read_at_its_time_whatever_pieces_the_sound_comes_in(length: int) -> None:
    spoken = encode(range(0, NUMBERS, 997 if length > 1 else 30_011), speech_like(random.Random(3)))
    reader = ToneReader()
    read = [word for part in pieces(spoken.samples, length) for word in reader.hear(part)] + reader.finish()
    assert [word.text for word in read] == [word.text for word in spoken.words]
    for found, true in zip(read, spoken.words, strict=True):
        assert (found.start, found.end) == pytest.approx((true.start, true.end), abs=0.002)
    assert reader.rejected == 0


def test_the_client_may_end_utterances_and_go_on() -> None:
    spoken = encode(range(4), repeat(0.2))
    stream = ToneEngine().open(end_silence=math.inf)
    middle = round((spoken.words[1].end + 0.1) * RATE)
    first = stream.hear(spoken.samples[:middle], partials=False) + stream.finish()
    second = stream.hear(spoken.samples[middle:], partials=False) + stream.finish()
    assert [(one.text, one.end_of_utterance) for one in first + second] == [("0 1", True), ("2 3", True)]
    times = [(word.start, word.end) for one in first + second for word in one.words]
    for found, true in zip(times, spoken.words, strict=True):
        assert found == pytest.approx((true.start, true.end), abs=0.002)
    assert stream.finish() == []


def test_a_word_that_lacks_more_than_a_few_milliseconds_anywhere_is_no_word() -> None:
    word = encode([31_415], repeat(SHORTEST_GAP)).samples
    word = word[np.flatnonzero(word)[0] : np.flatnonzero(word)[-1] + 1]
    assert read_word(word) == "31415"
    lacking = RATE * 10 // 1000
    for missing in range(lacking, len(word), lacking):
        assert read_word(word[missing:]) is None
        assert read_word(word[:-missing]) is None
        hole = word.copy()
        hole[missing : missing + 4 * lacking] = 0
        assert ToneReader().hear(np.concatenate([hole, np.zeros(RATE, np.int16)])) == []
        spliced = np.concatenate([word[: missing - lacking], word[missing:]])
        assert ToneReader().hear(np.concatenate([spliced, np.zeros(RATE, np.int16)])) == []


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_words_survive_every_rate_that_the_service_takes(rate: int) -> None:
    spoken = encode(range(0, NUMBERS, 1_999), speech_like(random.Random(4)), rate=rate)
    decoder = PcmDecoder(rate)
    samples = [decoder.decode(part.tobytes()) for part in pieces(spoken.samples, rate // 10)]
    read = ToneReader().hear(np.concatenate([*samples, decoder.finish()]))
    assert [word.text for word in read] == [word.text for word in spoken.words]


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_words_survive_opus(rate: int) -> None:
    spoken = encode(range(0, NUMBERS, 1_999), speech_like(random.Random(5)), rate=rate)
    encoder, decoder = OggOpusEncoder(rate), OGG_OPUS.decoder()
    samples = [decoder.decode(encoder.encode(part)) for part in pieces(spoken.samples, rate // 10)]
    samples += [decoder.decode(encoder.finish()), decoder.finish()]
    decoder.close()
    reader = ToneReader()
    read = reader.hear(np.concatenate(samples)) + reader.finish()
    assert [word.text for word in read] == [word.text for word in spoken.words]
    for found, true in zip(read, spoken.words, strict=True):
        assert found.start == pytest.approx(true.start, abs=0.02)


def test_an_utterance_ends_with_silence_and_partials_grow_until_then() -> None:
    spoken = encode([1, 2, 3, 4], iter([0.1, 0.1, 0.1, 0.8, 0.1]))
    heard = heard_by(ToneEngine(end_silence=0.5), spoken.samples)
    assert [(one.text, one.final, one.end_of_utterance) for one in heard] == [
        ("1", False, False),
        ("1 2", False, False),
        ("1 2 3", False, False),
        ("1 2 3", True, True),
        ("4", False, False),
        ("4", True, True),
    ]
    assert [word.text for word in heard[3].words] == ["1", "2", "3"]


def test_an_engine_may_say_finals_within_an_utterance_and_keep_times_to_itself() -> None:
    spoken = encode([1, 2, 3, 4], iter([0.1, 0.1, 0.1, 0.1, 0.8]))
    heard = heard_by(ToneEngine(times=False, final_every=2), spoken.samples, partials=False)
    assert [(one.text, one.final, one.end_of_utterance) for one in heard] == [
        ("1 2", True, False),
        ("3 4", True, False),
        ("", True, True),
    ]
    assert all(one.words == () for one in heard)


def test_words_are_found_where_speech_is_looked_for() -> None:
    spoken = encode(range(20), speech_like(random.Random(6)))
    detector = ToneDetector(0.0)
    for index, part in enumerate(pieces(spoken.samples, 1_600)):
        detector.hear(AudioBlock(part, index * 1_600, RATE))
    for word in spoken.words:
        found = detector.between(word.start - 0.05, word.end + 0.05)
        assert found is not None
        assert found[0] <= word.start + 0.035
        assert found[1] >= word.end - 0.035


def test_who_never_pauses_leaves_no_pause() -> None:
    spoken = encode(range(50), without_pause(random.Random(7)))
    gaps = [after.start - before.end for before, after in zip(spoken.words, spoken.words[1:], strict=False)]
    assert max(gaps) <= 0.15
