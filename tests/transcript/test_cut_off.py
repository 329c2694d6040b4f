"""What a crash left of a session is offered at the next start, once, and is mended."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from captions.engine import Engine
from captions.events import Event, Final, Mark, Notice
from captions.settings import Settings
from captions.transcript import records
from captions.transcript.journal import begin_journal, read_journal
from captions.transcript.sessions import cut_off_sessions, read_session

NOW = datetime.now(UTC)


def final(text: str) -> Final:
    return Final("main", 0.0, 1.0, NOW, text, True)


def cut_off(folder: Path, *texts: str, torn: bytes = b"") -> Path:
    """Leave what a process leaves that is killed: no end, perhaps a line that was begun."""
    journal = begin_journal(folder, {}, NOW - timedelta(days=2))
    journal.write(*map(final, texts))
    journal.close()
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:-1]) + torn)
    return journal.path


async def start(folder: Path) -> list[Notice]:
    """Start a session, end it once what was cut off is mended, and return what it told."""
    told: list[Event] = []
    settings = Settings(input=str(folder / "no.wav"), endpoint="127.0.0.1:9", tls=False)
    engine = Engine(settings, told.append, environment={}, folder=folder)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(20):
        while len(await asyncio.to_thread(cut_off_sessions, folder, NOW)) > 0:
            assert not running.done()
    await engine.stop()
    await running
    return [event for event in told if isinstance(event, Notice) and "cut off" in event.message]


async def test_it_is_told_once_with_its_time_and_the_command_that_opens_it(tmp_path: Path) -> None:
    path = cut_off(tmp_path, "one", "two", torn=b'{"type":"fin')
    (notice,) = await start(tmp_path)
    began = (NOW - timedelta(days=2)).astimezone()
    assert notice.message == (
        f"The session of {began:%Y-%m-%d %H:%M} was cut off; all 2 captions are kept: `captions show '{path.stem}'`."
    )
    session = read_session(path)
    assert session is not None
    assert session.ended is not None
    assert [entry.text for entry in read_journal(path) if isinstance(entry, Final)] == ["one", "two"]
    assert await start(tmp_path) == []


async def test_one_in_which_nothing_was_said_is_mended_without_a_word(tmp_path: Path) -> None:
    path = cut_off(tmp_path)
    assert await start(tmp_path) == []
    session = read_session(path)
    assert session is not None
    assert not session.cut_off


def test_one_that_goes_on_one_that_ended_and_what_is_no_journal_are_left_alone(tmp_path: Path) -> None:
    ended = begin_journal(tmp_path, {}, NOW)
    ended.write(final("one"))
    ended.close()
    with ended.path.open("ab") as file:  # marks that were set later, more than are read at first
        file.write(b"".join(records.line(records.record(Mark("main", 0.5, NOW))) for _ in range(100)))
    running = begin_journal(tmp_path, {}, NOW)
    (tmp_path / "notes.jsonl").write_text("no journal\n")
    assert cut_off_sessions(tmp_path, NOW + timedelta(days=1)) == []
    running.close()
    assert cut_off_sessions(tmp_path / "gone", NOW) == []
