"""Every command that the README shows is one that the program takes, with flags that exist."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from captions.cli import build_parser

README = Path(__file__).parent.parent / "README.md"


def commands() -> list[str]:
    """What is typed after `captions`, in the README's blocks for a shell, also over ssh and in tmux."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        for part in re.split(r"[|;]| && ", line.partition(" #")[0].partition("  # ")[0]):
            if (at := re.search(r"(?:^|\s)(?:\S*/)?captions(?=\s|$)", part.replace("-s captions", ""))) is not None:
                found.append(part.replace("-s captions", "")[at.end() :].partition(">")[0].strip())
    return list(dict.fromkeys(found))


def test_the_readme_shows_commands() -> None:
    assert len(commands()) > 10
    assert "transcribe talk.mp3 --speed max" in commands()
    assert "tcp://localhost:5555 --pcm-rate 16000" in commands()


@pytest.mark.parametrize("command", commands())
def test_the_program_takes_it(command: str) -> None:
    words = shlex.split(command)
    parser = build_parser()
    known = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction)).choices
    if not words or words[0] not in known:
        words.insert(0, "live")
    assert parser.parse_args(words).command == words[0]
