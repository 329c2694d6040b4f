"""Whatever ends the program or fails under it: no caption that was told is lost, and every file opens."""

import asyncio
import errno
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from captions.errors import StorageError
from captions.events import Event, Final, Notice
from captions.transcript.formats import About
from captions.transcript.journal import begin_journal, read_journal, reopen_journal
from captions.transcript.keeper import Keeper
from captions.transcript.live_file import LiveFile
from captions.transcript.sessions import read_session
from tests.transcript.killed import caption_until_killed

KILLS = 200
MOST_SECONDS = 0.02
"""After its first caption a process lives no longer."""
ROOM = 20_000
LITTLE_ROOM = 2_000
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def final(number: int) -> Final:
    return Final("main", number, number + 1, NOW, str(number), True)


def texts(path: Path) -> list[str]:
    return [entry.text for entry in read_journal(path) if isinstance(entry, Final)]


@pytest.mark.slow
def test_200_random_kills_lose_no_caption_that_was_told_and_every_file_opens(tmp_path: Path) -> None:
    moments = random.Random(5)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.transcript.killed"])
    kept = said = 0
    for number in range(KILLS):
        folder, told = tmp_path / str(number), tmp_path / f"{number}.told"
        process = context.Process(target=caption_until_killed, args=(folder, told))
        process.start()
        limit = time.monotonic() + 20
        while not (told.exists() and told.stat().st_size):
            assert time.monotonic() < limit, "nothing was told"
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, MOST_SECONDS))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(20)
        assert process.exitcode == -signal.SIGKILL
        heard = [line.decode().strip() for line in told.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        (path,) = folder.glob("*.jsonl")
        session = read_session(path)
        assert session is not None
        assert session.cut_off
        whole = texts(path)
        assert whole[: len(heard)] == heard
        reopen_journal(path).close()
        mended = read_session(path)
        assert mended is not None
        assert mended.ended is not None
        assert texts(path) == whole
        kept += len(whole)
        said += len(heard)
    assert kept >= said > KILLS * 5


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Have the system refuse to let files grow over `size` bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_journal_that_may_not_grow_stays_whole_and_gets_all_of_it_when_it_may(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    failures, reasons = 0, set()
    with room_for(ROOM):
        for number in range(500):
            try:
                journal.write(final(number))
            except StorageError as error:
                failures += 1
                reasons.add(error.message)
        assert journal.behind == failures > 100
        assert journal.path.stat().st_size <= ROOM
        assert journal.path.read_bytes().endswith(b"\n")
        assert texts(journal.path) == [str(number) for number in range(500 - failures)]
    assert reasons
    assert all(any(os.strerror(number) in reason for number in (errno.EFBIG, errno.ENOSPC)) for reason in reasons)
    journal.close()
    assert texts(journal.path) == [str(number) for number in range(500)]


@pytest.mark.parametrize("suffix", ["txt", "srt", "vtt", "md", "json", "ndjson"])
def test_a_file_beside_the_journal_that_may_not_grow_is_whole_when_it_may(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"talk.{suffix}"
    live, failures = LiveFile(path, About(NOW)), 0
    with room_for(LITTLE_ROOM):
        for number in range(800):
            try:
                live.write(final(number))
            except StorageError:
                failures += 1
        assert failures > 0
        assert path.stat().st_size <= LITTLE_ROOM
    live.write(final(800))
    live.close(NOW)
    text = path.read_text(encoding="utf-8")
    again = LiveFile(tmp_path / f"again.{suffix}", About(NOW))
    again.write(*map(final, range(801)))
    again.close(NOW)
    assert text == (tmp_path / f"again.{suffix}").read_text(encoding="utf-8")


async def test_a_folder_in_which_nothing_may_be_made_is_told_once_and_captions_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # for root nothing is read-only but what the system keeps
        folder = Path("/proc/captions" if sys.platform == "linux" else "/dev/null/sessions")
    told: list[Event] = []
    keeper = Keeper(folder, {}, told.append)
    working = asyncio.create_task(keeper.run())
    for number in range(3):
        keeper.put(final(number))
    await keeper.finish()
    await working
    (notice,) = [event for event in told if isinstance(event, Notice)]
    assert "No journal can be kept" in notice.message
    assert [event for event in told if isinstance(event, Final)] == [final(number) for number in range(3)]
    with pytest.raises(StorageError, match="cannot be written"):
        LiveFile(folder / "talk.srt", About(NOW))
