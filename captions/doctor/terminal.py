"""The terminal: its size and colours, whether it knows UTF-8, and what stands between it and the program."""

import contextlib
import locale
import os
import re
import select
import shutil
import sys
import time
from collections.abc import Mapping

from captions.doctor.checks import Finding, Verdict, in_thread, output_of

SMALLEST = (40, 10)
"""Columns and rows below which the dashboard cannot be read."""
SIDEBAR_COLUMNS = 100
"""Columns from which on the settings stand beside the captions."""
ANSWER_SECONDS = 1.0
"""How long a terminal may take to answer: there may be a slow link between."""

_ANSWER = re.compile(rb"\x1b\[\?[0-9;]*c")


async def look_at_size() -> Finding:
    """Whether there is a terminal, how large it is, and whether it answers."""
    descriptor = _open()
    if descriptor is None:
        return Finding(
            Verdict.NOT_CHECKED,
            "No terminal belongs to this process, so there is no dashboard: captions come as plain lines.",
            facts={"terminal": False},
        )
    try:
        columns, rows = _size(descriptor)
        answers = await in_thread(lambda: _answers(descriptor))
    finally:
        os.close(descriptor)
    facts = {"terminal": True, "columns": columns, "rows": rows, "answers": answers, "TERM": os.environ.get("TERM", "")}
    found = f"{columns} columns and {rows} rows"
    if answers is False:
        found += "; it does not answer questions, so it is taken for a simple one"
    elif answers:
        found += "; it answers questions"
    if not columns or not rows:
        return Finding(Verdict.WARNING, "The terminal does not say how large it is.", "Say so: stty cols 80 rows 24")
    if columns < SMALLEST[0] or rows < SMALLEST[1]:
        return Finding(
            Verdict.WARNING,
            f"{found}: too few to read the dashboard with ease",
            f"Make it {SMALLEST[0]} columns and {SMALLEST[1]} rows at least, or use captions --plain.",
            facts=facts,
        )
    if columns < SIDEBAR_COLUMNS:
        found += f"; the settings are folded away until F2 (they stand beside the captions from {SIDEBAR_COLUMNS} on)"
    return Finding(Verdict.GOOD, found, facts=facts)


async def look_at_colours(environment: Mapping[str, str] = os.environ) -> Finding:
    """How many colours the program will use, as the terminal says by the environment."""
    term, wide = environment.get("TERM", ""), environment.get("COLORTERM", "").lower()
    facts = {"TERM": term, "COLORTERM": wide, "NO_COLOR": bool(environment.get("NO_COLOR"))}
    if environment.get("NO_COLOR"):
        return Finding(Verdict.GOOD, "None, because NO_COLOR is set; nothing is told by colour alone", facts=facts)
    if sys.platform == "win32" or wide in ("truecolor", "24bit"):
        return Finding(Verdict.GOOD, "16 million", facts=facts)
    if term in ("dumb", "unknown", ""):
        return Finding(
            Verdict.WARNING,
            f"None, because TERM is {term or 'not set'}: captions come as plain lines",
            "If this terminal can do more, say so: export TERM=xterm-256color",
            facts=facts,
        )
    if "256" in term or "kitty" in term or "direct" in term:
        return Finding(
            Verdict.GOOD,
            f"256 (TERM is {term})",
            facts=facts,
        )
    return Finding(Verdict.GOOD, f"16 (TERM is {term})", facts=facts)


async def look_at_text(environment: Mapping[str, str] = os.environ) -> Finding:
    """Whether the locale is one in which every word can be written."""
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(False)).lower()
    name = next((environment[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(key)), "not set")
    facts = {"encoding": encoding, "locale": name}
    if encoding.replace("-", "").replace("_", "") == "utf8":
        return Finding(Verdict.GOOD, f"UTF-8 (locale: {name})", facts=facts)
    return Finding(
        Verdict.WARNING,
        f"{encoding} (locale: {name}): words in other scripts are shown as question marks",
        "Choose a UTF-8 locale: export LANG=C.UTF-8" if sys.platform != "win32" else "Set PYTHONUTF8=1.",
        facts=facts,
    )


async def look_at_link(environment: Mapping[str, str] = os.environ) -> Finding:
    """Whether this is a session over SSH."""
    if not any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return Finding(Verdict.GOOD, "Not over SSH", facts={"ssh": False})
    return Finding(
        Verdict.GOOD,
        "Over SSH: microphones are those of this machine, and low_bandwidth draws less on a slow link",
        facts={"ssh": True},
    )


async def look_at_multiplexer(environment: Mapping[str, str] = os.environ) -> Finding:
    """What tmux or screen lets through: copying to the terminal's clipboard, and all colours."""
    if environment.get("STY"):
        return Finding(
            Verdict.WARNING,
            "In GNU screen, which cuts off what is copied to the terminal's clipboard",
            "tmux does better.",
            facts={"multiplexer": "screen"},
        )
    if not environment.get("TMUX"):
        return Finding(Verdict.GOOD, "Neither tmux nor screen", facts={"multiplexer": ""})
    if shutil.which("tmux") is None:
        return Finding(Verdict.NOT_CHECKED, "In tmux, but its command is not found", facts={"multiplexer": "tmux"})
    _, clipboard, _ = await output_of("tmux", "show-options", "-sv", "set-clipboard")
    _, features, _ = await output_of("tmux", "display-message", "-p", "#{client_termfeatures}")
    version, _, _ = (await output_of("tmux", "-V"))[1].strip().partition("\n")
    copies = clipboard.strip() == "on"
    all_colours = "RGB" in features.strip().split(",")
    facts = {"multiplexer": "tmux", "set_clipboard": clipboard.strip(), "all_colours": all_colours}
    mends = []
    if not copies:
        mends.append("set -s set-clipboard on")
    if not all_colours:
        mends.append("set -as terminal-features ',*:RGB'")
    lacking = [text for text, there in (("copying", copies), ("all colours", all_colours)) if not there]
    if not mends:
        return Finding(Verdict.GOOD, f"In {version}, which lets copying and all colours through", facts=facts)
    return Finding(
        Verdict.WARNING,
        f"In {version}, which does not let {' and '.join(lacking)} through",
        f"Put into ~/.tmux.conf: {'; '.join(mends)}",
        facts=facts,
    )


def _open() -> int | None:
    """Open the terminal that belongs to this process, wherever its output goes."""
    if sys.platform == "win32":
        return os.dup(1) if sys.stdout.isatty() else None
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def _size(descriptor: int) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        size = os.get_terminal_size(descriptor)
        return size.columns, size.lines
    return 0, 0


def _answers(descriptor: int) -> bool | None:
    """Ask the terminal what it is (DA1, which all know); None where it cannot be asked.

    A job in the background must not: the system would stop it.
    """
    if sys.platform == "win32":
        return None
    import termios
    import tty

    try:
        if os.tcgetpgrp(descriptor) != os.getpgrp():
            return None
        before = termios.tcgetattr(descriptor)
    except (OSError, termios.error):
        return None
    try:
        tty.setcbreak(descriptor, termios.TCSAFLUSH)
        os.write(descriptor, b"\x1b[c")
        heard, deadline = b"", time.monotonic() + ANSWER_SECONDS
        while (left := deadline - time.monotonic()) > 0 and not _ANSWER.search(heard):
            if select.select([descriptor], [], [], left)[0]:
                heard += os.read(descriptor, 1024)
        return _ANSWER.search(heard) is not None
    except OSError:
        return None
    finally:
        # What comes too late must not be left for the shell to read as if it were typed.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
