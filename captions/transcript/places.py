"""What a person types to name a place in a transcript."""

import re
from datetime import datetime, timedelta
from datetime import time as time_of_day

from captions.transcript.transcript import Transcript, begins

HOW = "14:05, -5, +5 or minute 30"

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_MINUTES = re.compile(r"([+-]?)\s*(\d{1,6})")


def entry_at(typed: str, transcript: Transcript, here: int, now: datetime) -> int:
    """Return the entry at the time that was typed: the one that was being said then, or else the next.

    A time of day is the latest such up to `now` (a local time); minutes with a sign count from the entry `here`,
    those without one from the beginning of the session. Raises ValueError with a sentence for the person. The
    transcript isn't empty.
    """
    typed = typed.strip()
    if clock := _CLOCK.fullmatch(typed):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        try:
            wanted = datetime.combine(now.date(), time_of_day(hour, minute, second))
        except ValueError:
            raise ValueError(f"There is no {typed} on a clock.") from None
        if wanted > now.replace(tzinfo=None):
            wanted -= timedelta(days=1)
        return transcript.at_time_of_day(wanted.astimezone())
    if minutes := _MINUTES.fullmatch(typed):
        sign, seconds = minutes[1], 60.0 * int(minutes[2])
        if sign:
            here_time = begins(transcript.entries[here])
            return transcript.at(here_time + seconds if sign == "+" else here_time - seconds)
        if seconds > transcript.length:
            raise ValueError(f"The session is only {timedelta(seconds=int(transcript.length))} long.")
        return transcript.at(seconds)
    raise ValueError("No time. Try 14:05, -5 or 30.")


def time_at(typed: str, transcript: Transcript, now: datetime) -> float:
    """Return the time on the session's clock, in seconds, of the entry that was typed: as `entry_at`, or `mark`.

    `mark` is the newest one, and minutes with a sign count from the end. Raises ValueError with a sentence.
    """
    if not transcript.entries:
        raise ValueError("Nothing was said in this session.")
    if typed.strip() != "mark":
        return begins(transcript.entries[entry_at(typed, transcript, len(transcript) - 1, now)])
    if not transcript.marks:
        raise ValueError("There is no mark in this session.")
    return begins(transcript.entries[transcript.marks[-1]])
