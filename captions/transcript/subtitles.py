"""SubRip and WebVTT: cues for a player, in time with the sound.

Both are a few lines each, so they are written here: the libraries that read and write them keep a whole file in memory
and leave what is special in a text as it is.
"""

import copy
import html
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from captions.events import Entry
from captions.plain_text import plain
from captions.transcript.cue_stream import PATIENCE, CueStream, OneAtATime
from captions.transcript.cues import Cue
from captions.transcript.formats import About

MARK = "★ "
"""How a marked caption begins in SubRip."""
WORD_JOINER = "\u2060"
"""Takes no room and parts no word."""
_LIKE_MARKUP = re.compile(r"<|--(?=>)|\\(?=[Nnh])")
"""What players take for tags, for times or, as SubStation Alpha does, for line breaks."""
_BRACES = str.maketrans("{}", "❴❵")
"""Players hide what stands in braces, whatever it is; these look like them."""


class SubRip:
    """`.srt`. Its cues never overlap, whoever speaks, because what a player does then is nowhere said.

    The format has neither comments nor a way to say that a `<` is no tag. So marks are a star, speakers a name before
    their words, what players take for markup has a word joiner in it, which nobody sees, and braces are others that
    look like them.
    """

    def __init__(self, about: About) -> None:
        self._cues = CueStream(about.labels, MARK)
        self._shown = OneAtATime(PATIENCE)
        self._number = 0

    def begin(self) -> str:
        """Nothing stands before the first cue."""
        return ""

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return the cues that are settled by the entry."""
        return self._written(self._cues.add(entry, marked))

    def end(self) -> str:
        """Return the cues that are not settled yet."""
        rest = copy.copy(self)
        rest._shown = copy.copy(self._shown)
        return rest._written(self._cues.rest(), all_there_are=True)

    def _written(self, cues: Iterable[Cue], *, all_there_are: bool = False) -> str:
        shown: Iterator[Cue] = chain.from_iterable(map(self._shown.add, cues))
        text = "".join(map(self._cue, shown))
        if all_there_are and self._shown.waiting is not None:
            text += self._cue(self._shown.waiting)
        return text

    def _cue(self, cue: Cue) -> str:
        self._number += 1
        times = f"{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}"
        text = "\n".join(_defused(line).translate(_BRACES) for line in cue.lines)
        return f"{self._number}\n{times}\n{text}\n\n"


class WebVtt:
    """`.vtt` (W3C, WebVTT: The Web Video Text Tracks Format).

    Who speaks is a voice, and voices may overlap, for which the format says how players show them. Marks and the
    reasons of gaps are comments; that something was not heard is a cue as well, so that whoever watches knows.
    """

    def __init__(self, about: About) -> None:
        self._about = about
        self._cues = CueStream(dict.fromkeys(about.labels, ""))

    def begin(self) -> str:
        """Return the header with the title, and a comment with the time and the program."""
        about = self._about
        program = f"\nWritten by {_comment(about.program)}" if about.program else ""
        return f"WEBVTT - {_comment(about.heading)}\n\nNOTE\n{about.when}{program}\n\n"

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return the cues that are settled by the entry."""
        return "".join(map(self._cue, self._cues.add(entry, marked)))

    def end(self) -> str:
        """Return the cues that are not settled yet."""
        return "".join(map(self._cue, self._cues.rest()))

    def _cue(self, cue: Cue) -> str:
        note = ""
        if cue.marked:
            note = "NOTE Marked\n\n"
        elif cue.gap is not None:
            note = f"NOTE {_comment(f'Not heard: {cue.gap.reason}')}\n\n"
        label = self._about.label(cue.track)
        voice = f"<v {html.escape(label, quote=False)}>" if label else ""
        text = "\n".join(_defused(html.escape(line, quote=False)) for line in cue.lines)
        return f"{note}{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}\n{voice}{text}\n\n"


def timestamp(milliseconds: int, separator: str) -> str:
    """Return a time as HH:MM:SS.mmm, with three or more digits of hours from 100 h on."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{rest:03}"


def _comment(text: str) -> str:
    """Text that ends neither a comment nor a header: it is one line, and holds no arrow."""
    return plain(text).replace("-->", f"--{WORD_JOINER}>").strip()


def _defused(text: str) -> str:
    return _LIKE_MARKUP.sub(rf"\g<0>{WORD_JOINER}", text)
