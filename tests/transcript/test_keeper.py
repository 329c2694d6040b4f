"""What lasts is written before it is told; a disk that fails is told and holds up nobody."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from captions.events import Event, Final, Notice, Partial, Phase, SessionState
from captions.transcript.journal import read_journal
from captions.transcript.keeper import Keeper


def final(text: str) -> Final:
    return Final("main", 0, 1, datetime.now(UTC), text, True)


async def test_a_final_is_in_the_journal_when_it_is_told(tmp_path: Path) -> None:
    kept_when_told: list[list[str]] = []

    def tell(event: Event) -> None:
        (path,) = tmp_path.glob("*.jsonl")
        kept_when_told.append([entry.text for entry in read_journal(path) if isinstance(entry, Final)])

    keeper = Keeper(tmp_path, {}, tell)
    working = asyncio.create_task(keeper.run())
    keeper.put(final("one"))
    keeper.put(final("two"))
    await keeper.finish()
    await working
    assert kept_when_told[0][0] == "one"
    assert kept_when_told[1] == ["one", "two"]


async def test_events_are_told_in_order_and_of_partials_in_a_row_only_the_last(tmp_path: Path) -> None:
    told: list[Event] = []
    keeper = Keeper(tmp_path, {}, told.append)
    state = SessionState(Phase.LISTENING, "nobody", "", 0.0)
    events: list[Event] = [
        Partial("main", 0, 1, "a"),
        Partial("main", 0, 1, "a b"),
        final("a b"),
        state,
        Partial("main", 1, 2, "c"),
    ]
    for event in events:
        keeper.put(event)
    working = asyncio.create_task(keeper.run())
    await keeper.finish()
    await working
    assert told == events[1:]


async def test_a_disk_that_fails_is_told_once_and_captions_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: asyncio.Queue[Event] = asyncio.Queue()
    keeper = Keeper(tmp_path, {}, told.put_nowait)
    working = asyncio.create_task(keeper.run())
    keeper.put(final("before"))
    assert isinstance(await told.get(), Final)
    real_write = os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for text in ("one", "two"):
        keeper.put(final(text))
        event = await told.get()
        if isinstance(event, Notice):
            assert text == "one"
            assert "No space left" in event.message
            event = await told.get()
        assert isinstance(event, Final)
        assert event.text == text
    monkeypatch.setattr(os, "write", real_write)
    keeper.put(final("three"))
    recovered = await told.get()
    assert isinstance(recovered, Notice)
    assert "nothing is missing" in recovered.message
    assert keeper.error is None
    await keeper.finish()
    await working
    assert keeper.path is not None
    texts = [entry.text for entry in read_journal(keeper.path) if isinstance(entry, Final)]
    assert texts == ["before", "one", "two", "three"]


async def test_without_any_journal_captions_go_on(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("a file in the folder's place")
    told: list[Event] = []
    keeper = Keeper(tmp_path / "sessions", {}, told.append)
    working = asyncio.create_task(keeper.run())
    keeper.put(final("said"))
    await keeper.finish()
    await working
    assert isinstance(told[0], Notice)
    assert "No journal can be kept" in told[0].message
    assert keeper.error is not None
    assert isinstance(told[1], Final)
