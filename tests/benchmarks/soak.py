"""Hours of talk through one session: memory, files, tasks and streams stay flat, and no word or second is lost.

    python -m tests.benchmarks.soak [--hours 3] [--breaks 60]

Somebody counts in tones without end (tests/tone_code.py); the local server decodes them, with word times, and ends
every stream after a minute, as the session knows. The link is reset `--breaks` times an hour, and every ten minutes
two seconds of sound are lost before they reach the session. Sound is taken as fast as it is heard, so an hour takes
under a minute. Every ten minutes of audio a line is printed; in the end what was lost outside the gaps, doubled or out
of order, and by how much the time of a word was wrong at most, which is the drift.
"""

import argparse
import asyncio
import time
from functools import partial

import psutil

from captions.events import Event, Final, Gap, SessionState, StreamEnded
from captions.recognition.limits import StreamLimits
from captions.server.limits import Limits
from tests.recognition.meeting import Meeting
from tests.tone_code import ToneEngine

MINUTE = 60.0


class Soak(Meeting):
    """A meeting that remembers only what is needed to account for the words."""

    def _tell(self, event: Event) -> None:
        if isinstance(event, Final | Gap | SessionState | StreamEnded):
            super()._tell(event)

    def has_more_than(self, count: int) -> bool:
        """Whether more events came than so many."""
        return len(self.events) > count


def figures(meeting: Soak) -> str:
    """What a process holds that could grow."""
    process = psutil.Process()
    return (
        f"{process.memory_info().rss / 1e6:6.0f} MB  {process.num_fds():3} files  {len(asyncio.all_tasks()):3} tasks  "
        f"{process.num_threads():3} threads  {meeting.disturbed.opened:4} streams"
    )


async def soak(hours: float, breaks: int) -> None:
    """Run it and print what came of it."""
    began = time.monotonic()
    meeting = Soak(
        seed=1,
        paced=False,
        engine=ToneEngine(times=True),
        limits=Limits(duration_seconds=MINUTE, audio_bytes=0, idle_seconds=30.0, opens_per_second=0),
        stream_limits=StreamLimits(seconds=MINUTE),
    )
    async with meeting:
        next_figures = next_break = 0.0
        while (now := meeting.session.time) < hours * 3600:
            if now >= next_figures:
                next_figures += 10 * MINUTE
                print(f"{now / MINUTE:6.1f} min of audio  {figures(meeting)}", flush=True)
                meeting.talk.miss(2.0)
            if breaks and now >= next_break:
                next_break += 3600 / breaks
                meeting.link.reset()
            count = len(meeting.events)
            await meeting.until(partial(meeting.has_more_than, count))
        await meeting.end()
        print(f"{meeting.session.time / MINUTE:6.1f} min of audio  {figures(meeting)}", flush=True)
    account = meeting.account()
    said = {word.text: word for word in meeting.talk.words}
    heard = [word for event in meeting.events if isinstance(event, Final) for word in event.words]
    drift = max(max(abs(w.start - said[w.text].start), abs(w.end - said[w.text].end)) for w in heard)
    last = abs(heard[-1].end - said[heard[-1].text].end)
    print(f"{account.said} words: {len(account.lost)} lost, {len(account.doubled)} doubled, ", end="")
    print(f"{len(account.disorder)} out of order, {len(account.gaps)} gaps for {len(meeting.talk.holes)} holes")
    print(f"the worst time is off by {1000 * drift:.1f} ms, the last by {1000 * last:.1f} ms (target 200 ms)")
    print(f"it took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.0, help="of audio")
    parser.add_argument("--breaks", type=int, default=60, help="resets of the link in an hour of audio")
    arguments = parser.parse_args()
    asyncio.run(soak(arguments.hours, arguments.breaks))
