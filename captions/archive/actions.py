"""What is done with sessions on disk: list, search, follow, show, export and name them.

Data go to standard output, words for people to standard error. Nothing here needs the engine, and only `show` a screen.
"""

import argparse
import asyncio
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from captions.errors import ExitCode, SettingError, StorageError
from captions.events import Entry, Titled
from captions.plain import Sentences
from captions.plain_text import plain
from captions.settings import data_folder, nearest
from captions.settings_file import write_whole
from captions.transcript import records
from captions.transcript.data_formats import Ndjson
from captions.transcript.export import FORMATS, export
from captions.transcript.follow import follow_journal
from captions.transcript.formats import About
from captions.transcript.in_order import in_order
from captions.transcript.journal import read_journal, reopen_journal
from captions.transcript.live_file import format_of
from captions.transcript.places import time_at
from captions.transcript.search import Search
from captions.transcript.sessions import StoredSession, find_session, stored_sessions
from captions.transcript.transcript import Transcript


def sessions_folder() -> Path:
    """Where the journals are."""
    return data_folder() / "sessions"


def list_sessions(arguments: argparse.Namespace) -> int:
    """Print all sessions, the newest first."""
    sessions = list(reversed(stored_sessions(sessions_folder())))
    if arguments.json:
        print(json.dumps([_fields(session) for session in sessions], ensure_ascii=False, indent=2))
        return ExitCode.OK
    for session in sessions:
        captions = f"{session.captions} caption{'' if session.captions == 1 else 's'}"
        line = f"{session.name:<22} {_length(session):>8}  {captions:>14}  {_state(session)}{plain(session.title)}"
        print(line.rstrip())
    if not sessions:
        print("There is no session yet. `captions` begins one.", file=sys.stderr)
    return ExitCode.OK


def _fields(session: StoredSession) -> dict[str, object]:
    fields = asdict(session)
    ended = session.ended.isoformat() if session.ended is not None else None
    times = {"path": str(session.path), "started": session.started.isoformat(), "ended": ended}
    return {"name": session.name, **fields, **times, "cut_off": session.cut_off}


def _length(session: StoredSession) -> str:
    if session.running:
        return "now"
    ended = session.ended or datetime.fromtimestamp(session.path.stat().st_mtime, UTC)
    return str(timedelta(seconds=max(0, round((ended - session.started).total_seconds()))))


def _state(session: StoredSession) -> str:
    return "(running) " if session.running else "(cut off) " if session.cut_off else ""


def search(arguments: argparse.Namespace) -> int:
    """Print every caption with these words, of all sessions from the oldest on."""
    words = " ".join(arguments.words)
    if not words.strip():
        raise SettingError("There is nothing to search for.", "Give the words: captions search WORDS.")
    found = 0
    for session in stored_sessions(sessions_folder()):
        transcript = Transcript(in_order(read_journal(session.path)))
        looking = Search(words, transcript)
        looking.go_on(math.inf)
        for index in looking.matches:
            print(f"{session.name}  {transcript.entries[index].wall.astimezone():%H:%M:%S}  {transcript.texts[index]}")
        found += len(looking.matches)
    if not found:
        print(f"captions: nobody said {plain(words)!r} in any session", file=sys.stderr)
    return ExitCode.OK


def follow(arguments: argparse.Namespace) -> int:
    """Print a session's captions as they come, from the beginning on, until it ends."""
    session = find_session(sessions_folder(), arguments.session)
    ndjson = arguments.format == "ndjson"
    sentences = Sentences()
    if ndjson:
        print(Ndjson(About(session.started, title=session.title)).begin(), end="", flush=True)

    async def run() -> None:
        async for entry in follow_journal(session.path):
            line = records.line(records.record(entry)).decode().rstrip("\n") if ndjson else sentences.line(entry)
            if line:
                print(line, flush=True)

    asyncio.run(run())
    return ExitCode.OK


def show(arguments: argparse.Namespace) -> int:
    """Open a session in the log widget; without a terminal, print it as text."""
    session = find_session(sessions_folder(), arguments.session)
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        sys.stdout.writelines(
            export("txt", About(session.started, session.ended, session.title), in_order(read_journal(session.path)))
        )
        return ExitCode.OK
    from captions.dashboard.show import ShowApp
    from captions.dashboard.terminal_app import run_in_terminal
    from captions.remembered import recall
    from captions.settings_sources import load

    return run_in_terminal(ShowApp(load({}, remembered=recall().settings), session, add_to))


def title(arguments: argparse.Namespace) -> int:
    """Give a session that has ended a title."""
    path = find_session(sessions_folder(), arguments.session).path
    add_to(path, Titled(0.0, datetime.now(UTC), arguments.title))
    return ExitCode.OK


def add_to(path: Path, entry: Entry) -> None:
    """Add an entry to the journal of a session that has ended. Raises StorageError."""
    journal = reopen_journal(path)
    try:
        journal.write(entry)
    finally:
        journal.close()


def export_session(arguments: argparse.Namespace) -> int:
    """Write a session out in a format, all of it or a part."""
    output: Path | None = arguments.output
    name = arguments.format or (format_of(output) if output is not None else "txt")
    if name not in FORMATS:
        raise SettingError(f"There is no format {name!r}.", nearest(name, FORMATS))
    session = find_session(sessions_folder(), arguments.session)
    entries = in_order(read_journal(session.path))
    transcript = Transcript(entries)
    text = export(
        name,
        About(session.started, session.ended, session.title),
        entries,
        since=_seconds(transcript, arguments.since),
        until=_seconds(transcript, arguments.until),
        times=arguments.times,
    )
    if output is None:
        for piece in text:
            sys.stdout.write(piece)
        return ExitCode.OK
    try:
        write_whole(output, "".join(text).encode("utf-8"))
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror or error}.") from None
    print(f"captions: {plain(session.name)} is in {plain(os.fspath(output))}", file=sys.stderr)
    return ExitCode.OK


def _seconds(transcript: Transcript, typed: str) -> float | None:
    if not typed:
        return None
    try:
        return time_at(typed, transcript, datetime.now().astimezone())
    except ValueError as error:
        raise SettingError(f"{typed!r}: {error}") from None


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "sessions": list_sessions,
    "search": search,
    "follow": follow,
    "show": show,
    "export": export_session,
    "title": title,
}
"""By the names of the commands."""
