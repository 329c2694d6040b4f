"""Text as an attacker would have it: in what is said, in the names of files and devices, in a service's errors."""

import os
import re
import unicodedata

HOSTILE = {
    "colours": "\x1b[31;5mred\x1b[0m\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;aG9zdGlsZQ==\x07",
    "clipboard, otherwise ended": "\x1b]52;c;aG9zdGlsZQ==\x1b\\",
    "title": "\x1b]0;hostile\x07",
    "link": "\x1b]8;;http://hostile.invalid\x1b\\here\x1b]8;;\x1b\\",
    "device control": "\x1bP$qm\x1b\\\x1b_G\x1b\\",
    "another screen": "\x1b[?1049l\x1b[?1000h\x1bc",
    "a question to the terminal": "\x1b[6n\x1b[c\x05",
    "C1": "\x9b31m\x9d52;c;aG9zdGlsZQ==\x9c\x90$qm\x9c\x85",
    "turned around": "\u202etxt.exe\u202d \u2066a \u2067b",
    "markup": "[bold]b[/bold] [/] [red on white]r[/red on white] [[x]",
    "markup that acts": "[@click=app.quit]quit[/] [@click='app.bell']bell[/]",
    "markup that is wrong": "[/nothing] [bold [=] [$accent] \\[x]",
    "rows": "one\ntwo\rthree\x0bfour\x0cfive\u2028six\u2029seven\x85eight",
    "zero": "a\x00b\x00",
    "half a character": "a\ud83d\udcffb",
    "backwards": "abc\x08\x08\x08xyz\x7f\t\x1f",
    "long": "x" * 30_000,
    "long and wide": "宽" * 5_000,
    "marks without end": "e" + "\u0301" * 2_000,
    "joiners": "\u200d" * 500 + "\ufe0f" * 500,
    "command line": "'; touch /tmp/hostile; $(id) `id` %s {0}",
}
"""By what is bad in it."""


def _file_names() -> list[str]:
    """Everything that is short, in as few names as it takes; half a character as a byte that is not UTF-8."""
    names = [""]
    for text in HOSTILE.values():
        part = text.replace("/", "_").replace("\x00", "").replace("\ud83d", "")
        if len(part) > 150:
            continue
        if len(os.fsencode(names[-1] + part)) > 200:
            names.append("")
        names[-1] += part
    return names


FILE_NAMES = _file_names()
"""What files can be called, on Linux at least."""

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"
)


def sequences(written: str) -> set[str]:
    """Return the kinds of control sequences in what a program wrote, without their numbers."""
    return {re.sub(r"[0-9;:]+", "N", found) for found in _SEQUENCES.findall(written)}


def controls(written: str, sequences_too: bool = False) -> set[str]:
    """Return the names of what a terminal would obey in what a program wrote, beside sequences and the ends of lines.

    With `sequences_too`, the sequences as well.
    """
    text = written if sequences_too else _SEQUENCES.sub("", written)
    obeyed = set()
    for character in set(text) - {"\n", "\r"}:
        if unicodedata.category(character) in {"Cc", "Cs"} or character in "\u2028\u2029\ufeff":
            obeyed.add(f"U+{ord(character):04X}")
        if "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
            obeyed.add(f"U+{ord(character):04X}")
    return obeyed
