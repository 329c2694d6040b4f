"""Text as a recogniser hears it, before anything makes it pretty, and words one by one with their times."""

import re
from collections.abc import Iterable

from captions.events import Word

OPENING = re.compile(r"""^["'“”«»„‘’‚(\[{¿¡…—–.,;:!?-]+(?=\w)""")
CLOSING = re.compile(r"""["'“”«»„‘’‚)\]}…—–.,;:!?-]+$""")


def raw_text(text: str) -> str:
    """Return `text` in lower case, without punctuation around words.

    What stands within a word is part of it, as in "o'clock", "well-known" and "3.5", and so are signs that are spoken,
    as in "50%" and "$5".
    """
    return " ".join(filter(None, map(raw_word, text.split())))


def raw_word(word: str) -> str:
    """Return a word in lower case, without punctuation around it; nothing where it is nothing else."""
    return CLOSING.sub("", OPENING.sub("", word)).lower()


def one_by_one(words: Iterable[Word]) -> list[Word]:
    """Return `words` with each of them one word.

    Engines that know the times of whole pieces only give a piece as one `Word`. The words in it get parts of its time
    in proportion to their letters, which is an estimate: the first begins with the piece, the last ends with it.
    """
    single: list[Word] = []
    for piece in words:
        texts = piece.text.split()
        letters = sum(map(len, texts))
        said = 0
        for text in texts:
            start, end = (piece.start + (piece.end - piece.start) * part / letters for part in (said, said + len(text)))
            single.append(Word(text, start, end))
            said += len(text)
    return single
