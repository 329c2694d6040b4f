"""A session can be read while it is being written, from its beginning to its end."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from captions.errors import StorageError
from captions.events import Entry, Final
from captions.transcript.follow import follow_journal
from captions.transcript.journal import begin_journal

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def final(text: str) -> Final:
    return Final("main", 0.0, 1.0, NOW, text, True)


async def heard(path: Path) -> list[Entry]:
    return [entry async for entry in follow_journal(path)]


async def test_several_followers_are_told_what_was_said_what_is_said_and_the_end(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(final("before"))
    first = follow_journal(journal.path)
    assert await anext(first) == final("before")
    second = asyncio.create_task(heard(journal.path))
    following = asyncio.ensure_future(anext(first))
    journal.write(final("during — во время"))
    assert await following == final("during — во время")
    journal.write(final("last"))
    journal.close()
    assert [entry async for entry in first] == [final("last")]
    assert await second == [final("before"), final("during — во время"), final("last")]


async def test_a_line_is_told_when_it_is_whole(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(final("one"))
    line = journal.path.read_bytes().splitlines(keepends=True)[-1]
    told = follow_journal(journal.path)
    assert await anext(told) == final("one")
    with journal.path.open("ab", buffering=0) as file:
        file.write(line[:20])
        following = asyncio.ensure_future(anext(told))
        done, _ = await asyncio.wait({following}, timeout=0.5)
        assert not done
        file.write(line[20:])
        assert await following == final("one")
    journal.close()


async def test_a_session_that_was_cut_off_ends_with_its_last_whole_line(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(final("one"))
    journal.close()
    whole = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(whole[:-1]) + whole[-2][:-5])
    assert await heard(journal.path) == [final("one")]


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        await heard(tmp_path / "gone.jsonl")
