"""The flags of the commands for sessions that are kept. Light to import; the work is in `actions`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from captions.settings_sources import Loaded

WHICH = "which session: a part of its name or title, or the path of its journal; without one, the newest"
MOMENT = "14:05, minute 30, -5 minutes before the end, or mark, the newest one"


class MakeCommand(Protocol):
    """Makes the parser of a command from its name and what it does, with the flags of all settings or without."""

    def __call__(self, name: str, summary: str, *, settings: bool = ...) -> argparse.ArgumentParser: ...


def add_arguments(command: MakeCommand) -> None:
    """Add the commands; `command` makes the parser of one."""
    sessions = command("sessions", "List the sessions that are kept, the newest first.", settings=False)
    sessions.add_argument("--json", action="store_true", help="as JSON")

    search = command("search", "Look for words in all sessions.", settings=False)
    search.add_argument(
        "words", nargs="+", metavar="WORDS", help="together as they are typed; capitals count if there is one"
    )

    follow = command("follow", "Print a session's captions while it goes on, from its beginning.", settings=False)
    _add_session(follow)
    follow.add_argument(
        "--format",
        choices=("text", "ndjson"),
        default="text",
        help="text: lines as --plain has them; ndjson: records as the journal has them",
    )

    show = command("show", "Open a session in the window that captions are read in; it is followed while it goes on.")
    _add_session(show)

    export = command("export", "Write a session out as text, Markdown, subtitles or JSON.", settings=False)
    _add_session(export)
    export.add_argument(
        "--format", help="txt, md, srt, vtt, json or ndjson; without one, as the suffix of FILE says, or txt"
    )
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="instead of standard output")
    export.add_argument("--since", metavar="TIME", default="", help=f"what is said from there on: {MOMENT}")
    export.add_argument("--until", metavar="TIME", default="", help="what is said before")
    export.add_argument("--no-times", dest="times", action="store_false", help="no times of day (txt and md)")

    redo = command(
        "redo", "Caption again from a session's recording (--record) what nobody heard, or all of it.", settings=True
    )
    _add_session(redo)
    redo.add_argument("--all", action="store_true", help="all of it, as a new session; without it, the gaps")

    title = command("title", "Give a session that has ended a title.", settings=False)
    title.add_argument("title", metavar="TITLE", help="the title, in quotes")
    _add_session(title)


def _add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help=WHICH)


def run(arguments: argparse.Namespace, load: Callable[[], Loaded]) -> int:
    """Run the command that was given; `load` puts the settings together. Returns the exit code.

    Raises CaptionsError.
    """
    if arguments.command == "redo":
        from captions.archive.redo import redo

        return redo(arguments.session, load().settings, whole=arguments.all)
    from captions.archive.actions import ACTIONS

    return ACTIONS[arguments.command](arguments)
