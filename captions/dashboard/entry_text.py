"""How each entry of the transcript reads: the words, the time beside it and the name of its style."""

from datetime import datetime, timedelta

from captions.events import Entry, Final, Gap, InputChanged, Notice, Paused, Resumed, Severity
from captions.plain_text import plain

_SEVERITY = {Severity.INFORMATION: "Note", Severity.WARNING: "Warning", Severity.ERROR: "Error"}


def entry_text(entry: Entry) -> str:
    """Return what the entry says, on one line of plain text."""
    match entry:
        case Final(text=text):
            return safe(text).strip()
        case Gap():
            until = entry.wall + timedelta(seconds=entry.end - entry.start)
            when = f"{time_of_day(entry.wall)}–{time_of_day(until)}"
            return safe(f"No one heard {when} ({entry.end - entry.start:.1f} s): {entry.reason}")
        case InputChanged(kind="nothing"):
            return "── no input ──"
        case InputChanged(kind=kind, name=name):
            return safe(f"── {kind}: {name} ──")
        case Notice():
            return safe(f"{_SEVERITY[entry.severity]}: {entry.message} {entry.hint}").strip()
        case Paused():
            return "── paused ──"
        case Resumed():
            return "── listening again ──"
        case _:  # marks stand beside captions, and ends of streams are nothing to a reader
            return ""


def entry_style(entry: Entry) -> str:
    """Return the component style: final, rule, gap, information, warning or error."""
    match entry:
        case Final():
            return "final"
        case Gap():
            return "gap"
        case Notice():
            return str(entry.severity)
        case _:
            return "rule"


def time_of_day(wall: datetime, seconds: bool = True) -> str:
    """Return the local time, HH:MM:SS or HH:MM."""
    return wall.astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def duration(seconds: float) -> str:
    """Return a length of time as M:SS or H:MM:SS."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def safe(text: str) -> str:
    """`plain`, at no cost for text in which every character is printable anyway."""
    return text if text.isprintable() else plain(text)
