"""A fault of models that write one word after another: they get caught and say the same words over and over."""

import re

FASTEST = 7.0
"""Words a second that nobody speaks for long: more are made up."""
LONGEST_PHRASE = 8
"""Words of the longest phrase that is looked for."""
MOST_TIMES = {1: 4, 2: 3}
"""How often a phrase of so many words may be said in a row; longer phrases twice. "No, no, no, no" is speech."""
TWICE = 2
STUTTER = re.compile(r"([^\W\d][^\s\d]{1,11}?)\1{4,}")
"""The same few letters five times within a word, as in "po-po-po-po-po-"; people laugh shorter, and digits may."""


def is_loop(text: str, seconds: float) -> bool:
    """Whether `text` holds a phrase that is repeated as no person does, or more words than `seconds` have room for."""
    words = text.split()
    return len(words) > FASTEST * max(seconds, 1.0) or without_loops(text) != " ".join(words)


def says_twice(text: str) -> bool:
    """Whether a phrase of three words or more comes twice in a row: a person may say so, and a model make it up."""
    plain = _plain(text.split())
    return any(
        plain[at : at + length] == plain[at + length : at + 2 * length]
        for length in range(3, len(plain) // 2 + 1)
        for at in range(len(plain) - 2 * length + 1)
    )


def without_loops(text: str) -> str:
    """Return `text` with each phrase that is repeated too often said once, all else as it was.

    "8 to 6 to 6 to 6 to 6 to" becomes "8 to 6 to". Case and punctuation do not tell phrases apart.
    """
    words = STUTTER.sub(r"\1", text).split()
    plain = _plain(words)
    kept: list[str] = []
    at = 0
    while at < len(words):
        for length in range(1, LONGEST_PHRASE + 1):
            times = _repetitions(plain, at, length)
            if times > MOST_TIMES.get(length, TWICE):
                kept += words[at : at + length]
                at += length * times
                break
        else:
            kept.append(words[at])
            at += 1
    return " ".join(kept)


def _plain(words: list[str]) -> list[str]:
    return [re.sub(r"\W+", "", word.lower()) for word in words]


def _repetitions(words: list[str], at: int, length: int) -> int:
    """Return how often the phrase of `length` words at `at` stands there in a row."""
    phrase = words[at : at + length]
    times = 1
    while words[at + length * times : at + length * (times + 1)] == phrase:
        times += 1
    return times
