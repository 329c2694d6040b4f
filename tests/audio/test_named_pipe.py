"""A named pipe waits for its writer, ends with it, and can be let go of at any time."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from captions.audio.block import AudioBlock
from captions.audio.source import open_source
from captions.errors import InputError
from tests.audio.listening import (
    FAST,
    LIVE,
    PROGRAM,
    write_all,
)
from tests.audio.tones import collected, encode, tone
from tests.tone_code import Spoken


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "sound")
    return tmp_path / "sound"


async def test_a_named_pipe_waits_for_its_writer_and_ends_with_it(fifo: Path, talk: Spoken) -> None:
    source = await asyncio.wait_for(open_source(str(fifo), FAST, 16), 5)
    hearing = asyncio.ensure_future(collected(source.blocks()))
    done, _ = await asyncio.wait({hearing}, timeout=0.3)
    assert not done

    await asyncio.to_thread(lambda: write_all(os.open(fifo, os.O_WRONLY), talk.samples.tobytes()).join(20))
    assert np.array_equal(await asyncio.wait_for(hearing, 20), talk.samples)
    assert (source.kind, source.name) == ("pipe", "sound")
    await source.aclose()


async def test_a_named_pipe_can_be_opened_again_for_the_next_writer(fifo: Path) -> None:
    for number in (1, 2):
        source = await open_source(str(fifo), FAST)
        write_all(await asyncio.to_thread(os.open, fifo, os.O_WRONLY), np.full(3_200, number, np.int16).tobytes())
        assert set(await asyncio.wait_for(collected(source.blocks()), 20)) == {number}
        await source.aclose()


@pytest.mark.parametrize("state", ["no writer", "a writer that is silent", "within a container", "not begun"])
async def test_closing_a_named_pipe_never_waits(state: str, fifo: Path, tmp_path: Path) -> None:
    source = await open_source(str(fifo), LIVE)
    writing = -1
    if state in ("a writer that is silent", "within a container"):
        writing = os.open(fifo, os.O_WRONLY)
    if state == "within a container":
        os.write(writing, encode(tmp_path / "a.wav", tone(440, 0.5, 16_000), 16_000, "pcm_s16le").read_bytes()[:9_000])
    blocks = source.blocks()
    waiting = None
    if state != "not begun":
        waiting = asyncio.ensure_future(_last(blocks))
        await asyncio.wait({waiting}, timeout=0.2)
        assert not waiting.done()
    before = time.monotonic()
    await source.aclose()
    await source.aclose()
    if waiting is not None:
        await asyncio.wait_for(waiting, 1)
    assert time.monotonic() - before < 1
    if writing >= 0:
        with pytest.raises(BrokenPipeError):  # the writer is told that nobody listens
            os.write(writing, b"\0\0")
        os.close(writing)


async def _last(blocks: AsyncIterator[AudioBlock]) -> None:
    async for _ in blocks:
        pass


async def test_no_descriptor_stays_open(fifo: Path) -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/dev/fd").iterdir())

    source = await open_source(str(fifo), LIVE)
    await source.aclose()
    before = descriptors()
    for _ in range(20):
        source = await open_source(str(fifo), LIVE)
        waiting = asyncio.ensure_future(_last(source.blocks()))
        await asyncio.sleep(0)
        await source.aclose()
        await waiting
    assert descriptors() == before


async def test_a_named_pipe_that_must_not_be_read_is_told(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:

        def refused(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("captions.audio.pipe.os.open", refused)
    else:
        os.chmod(fifo, 0o200)  # noqa: PTH101
    with pytest.raises(InputError, match="cannot be opened: Permission denied"):
        await open_source(str(fifo), LIVE)


def test_what_a_shell_makes_of_a_process_substitution_is_heard(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    bash = f"{sys.executable} {script} <(head -c 64000 /dev/zero)"
    ran = subprocess.run(
        ["bash", "-c", bash],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ran.stdout.strip() == "32000"


async def test_a_file_named_pcm_and_a_pipe_named_pcm_are_read_alike(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pcm")
    source = await open_source(str(tmp_path / "a.pcm"), FAST)
    write_all(await asyncio.to_thread(os.open, tmp_path / "a.pcm", os.O_WRONLY), b"RIFF" * 800)
    assert len(await collected(source.blocks())) == 1_600
    await source.aclose()
