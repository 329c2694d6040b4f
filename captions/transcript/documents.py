"""Text and Markdown: a transcript to read, with a paragraph an utterance and times of day."""

import re

from captions.events import Entry, Final, Gap, InputChanged, Paused, Resumed
from captions.plain_text import plain
from captions.transcript.formats import About
from captions.transcript.line_breaks import joint, words_of

MARK = "★ "
_MARKDOWN = re.compile(r"[\\`*_\[\]<~#$]|&(?=[#\w])|^[-+=>]|(?<=^\d)[.)]|(?<=^\d{2})[.)]|(?<=^\d{3})[.)]")
"""What Markdown may take for its own: CommonMark, and GitHub's strikethrough and formulas."""


class _Paragraphs:
    """Knows where a paragraph begins: with an utterance, another voice, a mark, or whatever is no caption."""

    def __init__(self) -> None:
        self._track = ""
        self._last_word = ""

    def goes_on(self, caption: Final, words: list[str], marked: bool) -> str | None:
        """Return what stands between the caption and the one before it in its paragraph, None if it begins one."""
        between = (
            None if not self._last_word or marked or caption.track != self._track else joint(self._last_word, words[0])
        )
        self._track, self._last_word = caption.track, words[-1]
        return between

    def end(self) -> None:
        """End the paragraph."""
        self._last_word = ""


class Text:
    """`.txt`: title, date, then paragraphs with the local time before them; gaps and pauses in brackets."""

    def __init__(self, about: About, *, times: bool = True) -> None:
        self._about = about
        self._times = times
        self._paragraphs = _Paragraphs()

    def begin(self) -> str:
        """Return the title and the date."""
        return f"{self._about.heading}\n{self._about.when}"

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return the entry in words."""
        if isinstance(entry, Final):
            text = ""
            if words := words_of(plain(entry.text)):
                between = self._paragraphs.goes_on(entry, words, marked)
                text = self._begin(entry, marked) if between is None else between
                text += " ".join(words)
            if entry.end_of_utterance:
                self._paragraphs.end()
            return text
        if not (said := in_words(entry, self._about)):
            return ""
        self._paragraphs.end()
        return f"\n\n{self._time(entry)}[{said}]"

    def end(self) -> str:
        """Return the end of the last line."""
        return "\n"

    def _begin(self, caption: Final, marked: bool) -> str:
        label = self._about.label(caption.track)
        return f"\n\n{self._time(caption)}{MARK if marked else ''}{f'{label}: ' if label else ''}"

    def _time(self, entry: Entry) -> str:
        return f"{self._about.time_of_day(entry.wall)}  " if self._times else ""


class Markdown:
    """`.md`: the title as heading, each input as one below it, gaps in italics, the marked captions as a list.

    Whatever Markdown would take for its own is escaped, so that a reader sees what was said.
    """

    def __init__(self, about: About, *, times: bool = True) -> None:
        self._about = about
        self._times = times
        self._paragraphs = _Paragraphs()
        self._marks: list[str] = []

    def begin(self) -> str:
        """Return the title and the date."""
        return f"# {escaped(self._about.heading)}\n\n{escaped(self._about.when)}"

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return the entry in words."""
        if isinstance(entry, Final):
            return self._caption(entry, marked)
        if not (said := escaped(in_words(entry, self._about))):
            return ""
        self._paragraphs.end()
        time = f"{self._about.time_of_day(entry.wall)} " if self._times else ""
        return f"\n\n## {time}{said}" if isinstance(entry, InputChanged) else f"\n\n*{time}{said}*"

    def end(self) -> str:
        """Return the list of marks, and the end of the last line."""
        return "\n\n## Marks\n\n" + "\n".join(self._marks) + "\n" if self._marks else "\n"

    def _caption(self, caption: Final, marked: bool) -> str:
        text = ""
        if words := words_of(plain(caption.text)):
            said = escaped(" ".join(words))
            between = self._paragraphs.goes_on(caption, words, marked)
            begun = self._begin(caption)
            text = f"\n\n{MARK if marked else ''}{begun}{said}" if between is None else f"{between}{said}"
            if marked:
                self._marks.append(f"- {begun}{said}")
        if caption.end_of_utterance:
            self._paragraphs.end()
        return text

    def _begin(self, caption: Final) -> str:
        time = f"**{self._about.time_of_day(caption.wall)}** " if self._times else ""
        label = self._about.label(caption.track)
        return f"{time}{f'{escaped(label)}: ' if label else ''}"


def in_words(entry: Entry, about: About) -> str:
    """Return what an entry that is no caption says to a reader, as plain text; "" if it is nothing to one."""
    match entry:
        case Gap(start=start, end=end, reason=reason):
            said = f"{end - start:.1f} s were not heard: {reason}"
        case InputChanged(kind="nothing"):
            said = "no input"
        case InputChanged(kind=kind, name=name):
            said = f"{kind}: {name}"
        case Paused():
            return "paused"
        case Resumed():
            return "listening again"
        case _:
            return ""
    label = about.label(entry.track)
    return " ".join(words_of(plain(f"{label}: {said}" if label else said)))


def escaped(text: str) -> str:
    """Return plain text such that Markdown shows just that."""
    return _MARKDOWN.sub(r"\\\g<0>", text)
