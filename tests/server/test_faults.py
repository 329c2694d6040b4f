"""The engine's known faults: loops, doubled words, short pauses, cost that grows with a stream."""

import difflib
import itertools
import math
import time

import numpy as np
import pytest

from captions.audio.block import Samples
from captions.server.engines import RATE, Engine, Heard
from captions.server.loops import is_loop, without_loops
from captions.server.moonshine import TIMINGS
from captions.server.utterances import STEP, Utterances
from tests.server.clients import resampled, seconds, silence, words
from tests.shared_speech import recording

TWO_CLAUSES = ["it", "was", "the", "best", "of", "times", "it", "was", "the", "worst", "of", "times"]


def hear(
    engine: Engine,
    samples: Samples,
    *,
    partials: bool = False,
    step: int = STEP,
    end_silence: float | None = None,
) -> list[Heard]:
    """Return all that the engine says of the audio."""
    stream = engine.open(end_silence=end_silence)
    try:
        heard = [
            one
            for start in range(0, len(samples), step)
            for one in stream.hear(samples[start : start + step], partials=partials)
        ]
        return heard + stream.finish()
    finally:
        stream.close()


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("dial 8 to 6 to 6 to 6 to 6 to 6 to", "dial 8 to 6 to"),
        ("yes yes yes yes yes yes yes yes", "yes"),
        ("The end. The end. The end. The end.", "The end."),
        ("one two three four one two three four one two three four", "one two three four"),
        ("no no no no", "no no no no"),
        ("very, very good", "very, very good"),
        ("It was the best of times, it was the worst of times", "It was the best of times, it was the worst of times"),
        ("", ""),
    ],
)
def test_a_phrase_said_over_and_over_is_said_once_and_speech_is_left_alone(text: str, mended: str) -> None:
    assert without_loops(text) == mended
    assert is_loop(text, 60) == (text != mended)


def test_more_words_than_there_is_time_for_are_a_loop() -> None:
    assert is_loop(" ".join(map(str, range(20))), 2.0)
    assert not is_loop(" ".join(map(str, range(12))), 2.0)


@pytest.mark.parametrize("name", ["en_asterisk/demo-instruct.flac", "en_asterisk/screen-callee-options.flac"])
def test_a_voice_menu_full_of_numbers_has_neither_loops_nor_doubled_words(engine: Engine, name: str) -> None:
    import av

    menu = recording(name)
    with av.open(str(menu.path)) as container:
        rate = container.streams.audio[0].rate
        pieces = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    heard = hear(engine, resampled(np.concatenate(pieces).astype(np.int16), rate, RATE))
    said = words(" ".join(one.text for one in heard if one.final))
    spoken = words(menu.text)
    assert not is_loop(" ".join(said), menu.seconds)
    doubled = [word for word, after in itertools.pairwise(said) if word == after]
    assert len(doubled) <= sum(word == after for word, after in itertools.pairwise(spoken)) + 1, doubled
    assert abs(len(said) - len(spoken)) < 0.1 * len(spoken) + 8  # numbers are digits or words
    for earlier, later in itertools.pairwise(one for one in heard if one.final and one.words):
        assert earlier.words[-1].end <= later.words[0].start, "no sample is read for two finals"


def test_a_short_pause_does_not_end_the_utterance_and_no_word_is_lost_at_it(engine: Engine) -> None:
    # "It was the best of times," and, after 0.35 s, "it was the worst of times,".
    heard = hear(engine, np.concatenate([seconds(0.9, 4.5), silence(2)]))
    finals = [one for one in heard if one.final]
    assert len(finals) == 1
    assert finals[0].end_of_utterance
    assert words(finals[0].text) == TWO_CLAUSES


def test_a_long_utterance_comes_as_several_finals_of_which_the_last_ends_it(engine: Engine) -> None:
    finals = [one for one in hear(engine, np.concatenate([seconds(0.9, 8.6), silence(2)])) if one.final]
    assert [one.end_of_utterance for one in finals] == [False] * (len(finals) - 1) + [True]
    assert len(finals) >= 2
    said = words(" ".join(one.text for one in finals))
    assert said.count("wisdom") == said.count("foolishness") == 1


def test_the_silence_that_ends_an_utterance_is_as_long_as_the_client_wants(engine: Engine) -> None:
    # "It was the best of times," 1.5 s of silence, "it was the worst of times,".
    samples = np.concatenate([seconds(0.9, 2.9), silence(1.2), seconds(2.9, 4.5), silence(4)])
    for end_silence, ends in ((None, [True, True]), (0.2, [True, True]), (3.0, [False, True])):
        finals = [one for one in hear(engine, samples, end_silence=end_silence) if one.final]
        assert [one.end_of_utterance for one in finals] == ends
        assert words(" ".join(one.text for one in finals)) == TWO_CLAUSES


def test_where_only_the_client_ends_utterances_no_silence_does_and_none_is_kept(engine: Engine) -> None:
    stream = engine.open(end_silence=math.inf)
    assert isinstance(stream, Utterances)
    for ended in range(1, 3):
        for start in range(0, 40 * RATE, STEP):
            said = stream.hear(np.concatenate([seconds(0.9, 2.9), silence(38)])[start : start + STEP], partials=False)
            assert said == []
            assert len(stream._audio) <= 2 * RATE + 2 * RATE
        (final,) = stream.finish()
        assert (final.final, final.end_of_utterance) == (True, True)
        assert words(final.text) == ["it", "was", "the", "best", "of", "times"]
        assert final.words[0].end == pytest.approx(40 * (ended - 1) + 2, abs=0.4)
        assert stream.finish() == [], "nothing is open any more"
    stream.close()


def test_speech_without_a_pause_is_cut_before_it_gets_too_long_for_the_engine(engine: Engine) -> None:
    gapless = np.tile(seconds(34.9, 36.5), 20)  # 32 s without any pause
    heard = hear(engine, gapless)
    lengths = [one.words[0].end - one.words[0].start for one in heard if one.final and one.words]
    assert len(lengths) >= 3
    assert max(lengths) <= TIMINGS.longest + 0.2


def test_a_click_is_not_a_word(engine: Engine) -> None:
    click = silence(6)
    click[3 * RATE : 3 * RATE + 200] = 20_000
    assert [one.text for one in hear(engine, click, partials=True) if one.text] == []


def test_noise_without_speech_says_next_to_nothing(engine: Engine) -> None:
    noise = (np.random.default_rng(7).standard_normal(30 * RATE) * 300).astype(np.int16)
    assert len(words(" ".join(one.text for one in hear(engine, noise) if one.final))) <= 2


def test_the_same_is_heard_whatever_the_size_of_the_pieces(engine: Engine) -> None:
    samples = seconds(0, 12)
    texts = {
        tuple(one.text for one in hear(engine, samples, step=step) if one.final)
        for step in (777, STEP, 16_000, 192_000)
    }
    assert len(texts) == 1


def test_what_was_heard_before_makes_nothing_dearer_and_is_not_kept(engine: Engine) -> None:
    stream = engine.open()
    assert isinstance(stream, Utterances)
    again = np.concatenate([seconds(0, 12), silence(2)])
    costs: list[float] = []
    texts: list[list[str]] = []
    for _ in range(8):
        began = time.process_time()
        heard: list[Heard] = []
        for start in range(0, len(again), STEP):
            heard += stream.hear(again[start : start + STEP], partials=False)
        costs.append(time.process_time() - began)
        texts.append(words(" ".join(one.text for one in heard if one.final)))
        assert len(stream._audio) <= 2 * TIMINGS.longest * RATE
    stream.close()
    assert min(costs[4:]) < 1.5 * min(costs[:4]), costs
    assert difflib.SequenceMatcher(None, texts[0], texts[-1]).ratio() > 0.9


def test_streams_that_take_turns_hear_what_each_hears_alone(engine: Engine) -> None:
    samples = seconds(0, 14)
    alone = [one.text for one in hear(engine, samples) if one.final]
    streams = [engine.open() for _ in range(3)]
    others = (silence(14), seconds(20, 34))
    heard: list[Heard] = []
    for start in range(0, len(samples), STEP):
        heard += streams[0].hear(samples[start : start + STEP], partials=False)
        for stream, other in zip(streams[1:], others, strict=True):
            stream.hear(other[start : start + STEP], partials=False)
    heard += streams[0].finish()
    for stream in streams:
        stream.close()
    assert [one.text for one in heard if one.final] == alone
