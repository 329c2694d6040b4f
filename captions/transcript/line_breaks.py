"""Where a line of a caption may end, where it had better not, and how much room its text takes.

Text is measured in cells: a full-width character takes two, a mark that combines with the one before it none, every
other one. A line holds 42 (Netflix Timed Text Style Guide, general requirements), 39 where there is Cyrillic (its
Russian guide), 16 full-width characters where there is Chinese or Korean, 13 where there is Japanese (its guides for
these languages). It names where lines break well, too: after punctuation, before conjunctions, before prepositions;
and where badly: after an article, or between a verb and what belongs to it, which only the article's case is told
without a grammar.
"""

import re
import unicodedata
from functools import cache
from itertools import pairwise

CELLS_PER_LINE = 42
CELLS_PER_CYRILLIC_LINE = 39
CELLS_PER_CHINESE_OR_KOREAN_LINE = 32
CELLS_PER_JAPANESE_LINE = 26

_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_KANA = re.compile(r"[\u3041-\u30ff\uff66-\uff9f]")
_HAN_OR_HANGUL = re.compile(r"[\u1100-\u11ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_one_cell_each = re.compile(r"[\x20-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e]*").fullmatch

_SPACELESS = re.compile(r"[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
"""Han, kana and their punctuation: written without spaces, and broken between any two characters."""
_SPACES = re.compile(r"[^\S\u00a0\u2007\u202f]+")
"""All but the no-break ones."""
_NOT_BEFORE = frozenset(
    "、。，．・：；？！ー々〻〉》」』】〕）］｝’”…％,.!?;:)]}%"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"  # no line begins with these (JIS X 4051)
)
_NOT_AFTER = frozenset("「『【〔（［｛〈《‘“([{")  # nor ends with these


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ARTICLES = _set("a an the")
_CONJUNCTIONS = _set(
    "and but or nor so yet because although though if unless until while when where whereas that which who than "
    "и а но или либо да что чтобы если когда пока потому поэтому хотя как где куда зато однако который которая "
    "которое которые будто ведь"
)
_PREPOSITIONS = _set(
    "about above across after against along among around as at before behind below between beyond by down during "
    "for from in inside into like near of off on onto out over since through to toward towards under up upon via with "
    "within without "
    "без близ в во вместо вне для до за из из-за из-под к ко кроме между на над о об обо около от ото перед по под "
    "после при про против ради с со среди у через"
)
_SENTENCE_END = re.compile(r"[.!?…。！？؟।][\"'»”’)\]」』）]*$")
_CLAUSE_END = re.compile(r"[,;:—–،、，；：][\"'»”’)\]」』）]*$")
_PUNCTUATION = "\"'«»“”‘’„.,;:!?…()[]—–-"

GOOD, FAIR, PASSABLE, POOR, BAD = 0.0, 6.0, 12.0, 20.0, 80.0
"""What ending a line or a cue somewhere costs: after a sentence, after a clause, before a conjunction or, a little
dearer, a preposition, anywhere else, and after a word that leans on the next one."""


def cells(text: str) -> int:
    """Return how many cells the text takes on a line."""
    if text.isascii() or _one_cell_each(text):
        return len(text)
    return sum(map(_cells_of_character, text))


@cache
def _cells_of_character(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cells_per_line(text: str) -> int:
    """Return how much a line may hold: the least that a script in the text asks for."""
    if text.isascii():
        return CELLS_PER_LINE
    if _KANA.search(text):
        return CELLS_PER_JAPANESE_LINE
    if _HAN_OR_HANGUL.search(text):
        return CELLS_PER_CHINESE_OR_KOREAN_LINE
    return CELLS_PER_CYRILLIC_LINE if _CYRILLIC.search(text) else CELLS_PER_LINE


def words_of(text: str) -> list[str]:
    """Return the words of a plain text: what stands between spaces. A no-break one holds what is beside it together."""
    return [word for part in _SPACES.split(text) if (word := part.strip())]


def unbreakable(word: str) -> list[str]:
    """Return a word in the parts between which a line may end: all of it, or characters of Chinese and Japanese."""
    if word.isascii() or not _SPACELESS.search(word):
        return [word]
    parts = [word[0]]
    for before, after in pairwise(word):
        if _breaks_between(before, after):
            parts.append(after)
        else:
            parts[-1] += after
    return parts


def _breaks_between(before: str, after: str) -> bool:
    return (
        bool(_SPACELESS.match(before) or _SPACELESS.match(after))
        and not (before.isspace() or after.isspace())
        and before not in _NOT_AFTER
        and after not in _NOT_BEFORE
        and unicodedata.category(before) != "Cf"
        and unicodedata.category(after) not in ("Mn", "Me", "Mc", "Cf")
    )


def joint(before: str, after: str) -> str:
    """Return what stands between two words of different captions: a space, or nothing in Chinese and Japanese."""
    return "" if _SPACELESS.match(before[-1]) and _SPACELESS.match(after[0]) else " "


def break_cost(before: str, after: str) -> float:
    """Return what it costs to end a line between two words, from `GOOD` to `BAD`.

    Conjunctions and prepositions are known for English and Russian; in other languages punctuation has to do.
    """
    if _SENTENCE_END.search(before):
        return GOOD
    if _CLAUSE_END.search(before):
        return FAIR
    last = before.strip(_PUNCTUATION).lower()
    if last in _ARTICLES or last in _CONJUNCTIONS or last in _PREPOSITIONS:
        return BAD
    first = after.strip(_PUNCTUATION).lower()
    if first in _CONJUNCTIONS:
        return PASSABLE
    return PASSABLE + 2 if first in _PREPOSITIONS else POOR
