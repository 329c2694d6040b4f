"""The flags of the commands for sessions that are kept. Light to import; the work is in `actions`."""

import argparse
from collections.abc import Callable
from pathlib import Path

WHICH = "which session: a part of its name or title, or the path of its journal; without one, the newest"
MOMENT = "14:05, minute 30, -5 minutes before the end, or mark, the newest one"


def add_arguments(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the commands; `command` makes the parser of one from its name and what it does."""
    sessions = command("sessions", "List the sessions that are kept, the newest first.")
    sessions.add_argument("--json", action="store_true", help="as JSON")

    search = command("search", "Look for words in all sessions.")
    search.add_argument(
        "words", nargs="+", metavar="WORDS", help="together as they are typed; capitals count if there is one"
    )

    follow = command("follow", "Print a session's captions while it goes on, from its beginning.")
    _add_session(follow)
    follow.add_argument(
        "--format",
        choices=("text", "ndjson"),
        default="text",
        help="text: lines as --plain has them; ndjson: records as the journal has them",
    )

    export = command("export", "Write a session out as text, Markdown, subtitles or JSON.")
    _add_session(export)
    export.add_argument(
        "--format", help="txt, md, srt, vtt, json or ndjson; without one, as the suffix of FILE says, or txt"
    )
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="instead of standard output")
    export.add_argument("--since", metavar="TIME", default="", help=f"what is said from there on: {MOMENT}")
    export.add_argument("--until", metavar="TIME", default="", help="what is said before")
    export.add_argument("--no-times", dest="times", action="store_false", help="no times of day (txt and md)")

    title = command("title", "Give a session that has ended a title.")
    title.add_argument("title", metavar="TITLE", help="the title, in quotes")
    _add_session(title)


def _add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help=WHICH)


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was given. Returns the exit code. Raises CaptionsError."""
    from captions.archive.actions import ACTIONS

    return ACTIONS[arguments.command](arguments)
