"""Settings, journals and logs on disk."""

import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from captions.doctor.checks import Finding, Verdict, in_thread
from captions.errors import SettingError
from captions.settings import ROWS, data_folder, log_folder, nearest
from captions.settings_file import read, settings_file
from captions.settings_sources import KEYS, Loaded

BYTES_AN_HOUR = 1_000_000
"""Room for the journal of an hour. An hour of speech takes a third of it, or two thirds with the time of each word."""
LITTLE = 200_000_000
"""Bytes that should be free: a system with less has other troubles soon."""
TOO_LITTLE = 5_000_000

Load = Callable[[], Loaded]


def look_at_settings(load: Load, file: Path | None) -> Callable[[], Awaitable[Finding]]:
    """Return the check of the settings: all that is wrong in the file, and what else is, one after the other."""

    def look() -> Finding:
        path = file or settings_file()
        facts = {"file": str(path), "exists": path.exists()}
        wrong = _mistakes(file)
        try:
            loaded = load()
            if not wrong:
                from captions.dashboard.keys import keymap

                keymap(loaded.keys, str(loaded.file))
        except SettingError as error:
            wrong = wrong or [str(error)]
        if wrong:
            return Finding(
                Verdict.PROBLEM,
                f"{'One mistake' if len(wrong) == 1 else f'{len(wrong)} mistakes'}; what follows is of the defaults",
                "Correct it; captions settings shows all there are.",
                tuple(wrong),
                {**facts, "mistakes": wrong},
            )
        changed = [name for name, origin in loaded.origin.items() if origin != "default"]
        where = f"{path}" if path.exists() else f"{path}, which is not there; that is well"
        how_many = f"; {len(changed)} of {len(ROWS)} are not the default" if changed else ""
        return Finding(Verdict.GOOD, f"{where}{how_many}", facts={**facts, "changed": changed})

    return lambda: in_thread(look)


def _mistakes(file: Path | None) -> list[str]:
    """Return all that is wrong with the settings of a file, in sentences."""
    path = file or settings_file()
    try:
        settings = read(file)
    except SettingError as error:
        return [str(error)]
    wrong = []
    for name, value in settings.items():
        if name == KEYS:
            continue
        if name not in ROWS:
            wrong.append(f"{path}: there is no setting {name!r}. {nearest(name, ROWS)}")
            continue
        try:
            ROWS[name].parse(value, str(path))
        except SettingError as error:
            wrong.append(str(error))
    return wrong


async def look_at_journal() -> Finding:
    """Whether captions can be kept, and how many hours of them still fit."""

    def look() -> Finding:
        folder = data_folder() / "sessions"
        if (refusal := _refusal(folder)) is not None:
            return Finding(
                Verdict.PROBLEM,
                f"{folder} cannot be written: {refusal}. Captions would be lost at the end",
                _allow(folder),
                facts={"folder": str(folder), "writable": False},
            )
        free = shutil.disk_usage(_existing(folder)).free
        hours = free // BYTES_AN_HOUR
        facts = {"folder": str(folder), "writable": True, "free_bytes": free, "hours": hours}
        text = f"{folder}; {_size(free)} are free, which is enough for {_hours(hours)} of captions"
        if free < TOO_LITTLE:
            return Finding(Verdict.PROBLEM, text, "Free space on the disk.", facts=facts)
        if free < LITTLE:
            return Finding(Verdict.WARNING, text, "Free space on the disk.", facts=facts)
        return Finding(Verdict.GOOD, text, facts=facts)

    return await in_thread(look)


async def look_at_log() -> Finding:
    """Whether the program can keep what it says of itself, and whether it broke down."""

    def look() -> Finding:
        folder = log_folder()
        crash = folder / "crash.log"
        facts: dict[str, object] = {"folder": str(folder), "crash": crash.exists()}
        if (refusal := _refusal(folder)) is not None:
            return Finding(Verdict.WARNING, f"{folder} cannot be written: {refusal}", _allow(folder), facts=facts)
        if crash.exists():
            when = datetime.fromtimestamp(crash.stat().st_mtime).astimezone()
            return Finding(
                Verdict.WARNING,
                f"{folder}; the program broke down on {when:%Y-%m-%d at %H:%M}",
                f"What happened is in {crash}; delete it when it is told to whoever makes this.",
                facts=facts,
            )
        return Finding(Verdict.GOOD, f"{folder}", facts=facts)

    return await in_thread(look)


async def look_at_sessions() -> Finding:
    """Which sessions are kept, and which of them were cut off."""

    def look() -> Finding:
        from captions.transcript.sessions import stored_sessions

        sessions = stored_sessions(data_folder() / "sessions")
        cut_off = [session.name for session in sessions if session.cut_off]
        facts = {"kept": len(sessions), "cut_off": cut_off}
        text = f"{len(sessions)} are kept" if sessions else "There are none yet"
        if not cut_off:
            return Finding(Verdict.GOOD, text, facts=facts)
        return Finding(
            Verdict.WARNING,
            f"{text}; {len(cut_off)} of them ended without an end, by a crash or a loss of power",
            "No caption is lost by that: captions sessions lists them.",
            tuple(cut_off[-3:]),
            facts,
        )

    return await in_thread(look)


def _refusal(folder: Path) -> str | None:
    """Return why nothing can be written in a folder, or below where it would be made; None when it can."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)) as file:
            file.write(b"captions")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there: it is made when it is needed, not by looking."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _allow(folder: Path) -> str:
    there = _existing(folder)
    return f"chmod u+rwx {there}" if os.name == "posix" and there == folder else f"See that {there} can be written."


def _size(size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size //= 1000
    return f"{size} TB"


def _hours(hours: int) -> str:
    return "years" if hours > 20_000 else f"{hours:,} hours".replace(",", " ") if hours else "less than an hour"
