"""The log in a real terminal, while somebody talks: followed, searched, resized, copied from."""

import base64
import re
from pathlib import Path

from tests.dashboard.talking_dashboard import said_before
from tests.dashboard.terminal import Terminal

TALKING = str(Path(__file__).parent / "talking_dashboard.py")
SAID = 300


def copied(terminal: Terminal) -> list[str]:
    return [base64.b64decode(found).decode() for found in re.findall(rb"\x1b]52;c;([^\x07]*)\x07", terminal.received)]


def rows_of_captions(terminal: Terminal) -> list[str]:
    return [row[:70].rstrip() for row in terminal.screen.display if re.match(r"[ ▸]\d\d:\d\d", row)]


def test_a_reader_finds_reads_and_copies_while_captions_keep_coming_and_goes_back_to_them(tmp_path: Path) -> None:
    arguments = (str(tmp_path / "report.json"), "--captions", str(SAID), "--no-sidebar")
    with Terminal(TALKING, *arguments, columns=100, lines=24, home=tmp_path) as terminal:
        terminal.wait_for("0 so the first thing that")
        terminal.type("/-150 so")
        terminal.wait_for("1 of 1")
        terminal.wait_for("-150 so the first")
        terminal.type("\r")
        terminal.wait_for("filters")
        before = rows_of_captions(terminal)
        assert any(row.startswith("▸") and "-150 so the first" in row for row in before)
        terminal.wait_for("1 new")
        assert rows_of_captions(terminal) == before
        first = re.search(r"-\d+ so", before[0])
        assert first is not None
        for columns in (50, 140, 60):
            terminal.resize(columns, 24)
        terminal.wait_for(f"{first[0]} the first")
        terminal.wait_for("▸")
        terminal.type("y")
        terminal.wait_for("Copied a caption")
        caption = {final.text.split()[0]: final.text for final in said_before(SAID)}
        assert copied(terminal) == [caption["-150"]]
        terminal.type("v\x1b[A\r")
        terminal.wait_for("Copied 2 captions")
        assert copied(terminal)[1] == f"{caption['-151']}\n{caption['-150']}"
        terminal.type("\x1b")
        terminal.type("\x1b[F")
        terminal.wait_for("now  ")
        terminal.type("q")
        assert terminal.wait_for_end() == 0
