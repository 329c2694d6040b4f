"""What was found, as people read it and as programs do."""

import json
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from captions import __version__
from captions.doctor.checks import Result, Verdict
from captions.plain_text import plain

FORMAT_VERSION = 1
"""Of the JSON: it changes when a name goes away or means something else, not when one is added."""

SYMBOLS = {Verdict.GOOD: "✓", Verdict.WARNING: "!", Verdict.PROBLEM: "✗", Verdict.NOT_CHECKED: "·"}
ASCII_SYMBOLS = {Verdict.GOOD: "+", Verdict.WARNING: "!", Verdict.PROBLEM: "x", Verdict.NOT_CHECKED: "-"}
COLOURS = {Verdict.GOOD: "32", Verdict.WARNING: "33", Verdict.PROBLEM: "1;31", Verdict.NOT_CHECKED: "2"}
"""SGR parameters: of the terminal's own 16 colours, which a person may have chosen to be told apart."""

VERDICT_WIDTH = max(map(len, Verdict)) + 3
NARROW = 70
"""Columns below which what was found stands under its title instead of beside it."""
MOST_COLUMNS = 110
"""Longer lines are hard to read."""


class Report:
    """Prints results in order, wrapped to the terminal's width; in colour where it is one and NO_COLOR is not set."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str], title_width: int) -> None:
        self._stream = stream
        self._columns = min(MOST_COLUMNS, max(20, shutil.get_terminal_size((MOST_COLUMNS, 24)).columns))
        self._colour = stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self._title_width = title_width
        self._group = ""
        try:
            "✓✗·→".encode(stream.encoding or "ascii")
            self._symbols, self._arrow = SYMBOLS, "→ "
        except (UnicodeEncodeError, LookupError):
            self._symbols, self._arrow = ASCII_SYMBOLS, "> "

    def show(self, result: Result) -> None:
        """Print a result, with the heading of its group where that is a new one."""
        check, finding = result.check, result.finding
        if check.group != self._group:
            self._group = check.group
            self._write(f"\n{self._painted('1', check.group)}\n")
        verdict = f"{self._symbols[finding.verdict]} {finding.verdict}"
        narrow = self._columns < NARROW
        indent = 4 if narrow else VERDICT_WIDTH + self._title_width + 4
        begin = f"  {self._painted(COLOURS[finding.verdict], verdict.ljust(VERDICT_WIDTH))} "
        title = check.title if narrow else check.title.ljust(self._title_width)
        texts = [self._wrapped(finding.found, indent, "", "")]
        texts += [self._wrapped(line, indent, "- ", "  ") for line in finding.lines]
        texts += [self._wrapped(finding.mend, indent, self._arrow, "  ")] if finding.mend else []
        lines = [line for text in texts for line in text]
        if narrow:
            self._write(f"{begin}{title}\n")
        else:
            self._write(f"{begin}{title} {lines.pop(0)[indent:]}\n")
        for line in lines:
            self._write(f"{line}\n")
        self._stream.flush()

    def conclude(self, results: Sequence[Result], seconds: float) -> None:
        """Print how many there are of each verdict."""
        counts = [(verdict, sum(result.finding.verdict is verdict for result in results)) for verdict in Verdict]
        nouns = {Verdict.WARNING: ("warning", "warnings"), Verdict.PROBLEM: ("problem", "problems")}
        told = [f"{count} {nouns.get(verdict, (verdict, verdict))[count != 1]}" for verdict, count in counts if count]
        self._write("\n")
        for line in self._wrapped(f"{', '.join(told)}, in {seconds:.1f} s", 0, "", ""):
            self._write(f"{line}\n")

    def _wrapped(self, text: str, indent: int, first: str, others: str) -> list[str]:
        """Break text into lines, but not words: a command is copied whole."""
        return textwrap.wrap(
            plain(text),
            self._columns,
            initial_indent=" " * indent + first,
            subsequent_indent=" " * indent + others,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [" " * indent]

    def _painted(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        self._stream.write(text)


def as_json(results: Sequence[Result], system: str, seconds: float) -> str:
    """Return the report as one JSON object.

    `version` is that of the form, `captions` the program's; `checks` have `name`, `title`, `verdict` (good, warning,
    problem, not checked), `found`, `mend`, `lines`, `seconds` and `facts`, which differ from check to check.
    """
    report = {
        "version": FORMAT_VERSION,
        "captions": __version__,
        "system": system,
        "seconds": round(seconds, 2),
        "verdict": worst(results),
        "checks": [
            {
                "name": result.check.name,
                "title": result.check.title,
                "verdict": result.finding.verdict,
                "found": result.finding.found,
                "mend": result.finding.mend,
                "lines": result.finding.lines,
                "seconds": round(result.seconds, 2),
                "facts": result.finding.facts,
            }
            for result in results
        ],
    }
    return json.dumps(_plain(report), indent=2)  # escaped, so that it can be written in any locale


def _plain(value: object) -> object:
    """Make every text in it plain."""
    if isinstance(value, Mapping):
        return {plain(str(name)): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return plain(value) if isinstance(value, str) else value


def worst(results: Sequence[Result]) -> Verdict:
    """Return the worst verdict there is; good where nothing was found wrong."""
    found = {result.finding.verdict for result in results}
    return next((verdict for verdict in (Verdict.PROBLEM, Verdict.WARNING) if verdict in found), Verdict.GOOD)
