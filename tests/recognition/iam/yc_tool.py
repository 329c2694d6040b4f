"""A tool that passes for yc: a program on a PATH of the test's own, which answers as its profile says."""

import os
from collections.abc import Mapping
from pathlib import Path


def tool(folder: Path, token: str = "", before: str = "", **profile: str) -> Mapping[str, str]:
    """Make the tool and return the environment in which it is found.

    `token` is what `iam create-token` prints, `before` a line of shell that is run first, and `profile` what
    `config get` prints, with _ for -. What it was asked for is in the file `asked` of the folder.
    """
    values = "\n".join(f"    {name.replace('_', '-')}) echo '{value}' ;;" for name, value in profile.items())
    program = f"""\
#!/bin/sh
echo "$*" >> '{folder}/asked'
case "$1 $2" in
  "iam create-token")
    {before or ":"}
    echo '{token}' ;;
  "config get")
    case "$3" in
{values}
    esac ;;
esac
"""
    path = folder / "yc"
    path.write_text(program)
    path.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


def asked(folder: Path) -> list[str]:
    """Return with which words the tool was run."""
    try:
        return (folder / "asked").read_text().splitlines()
    except FileNotFoundError:
        return []
