"""Ways to write sound somewhere, to hear an input to its end, and to ask why it cannot be heard."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from captions.audio import endless
from captions.audio.block import AudioBlock, Samples
from captions.audio.endless import Lost, Missed, Opened
from captions.audio.source import AudioFormat, AudioSource, open_source
from captions.errors import InputError
from tests.audio.tones import collected

FAST = AudioFormat(real_time=False, pcm_rate=16_000)
"""As fast as it is taken."""
LIVE = AudioFormat(pcm_rate=16_000)
SECRET = "hunter2"
"""What must never be shown."""


async def said(name: str, audio_format: AudioFormat = FAST) -> InputError:
    """Return why an address cannot be opened."""
    with pytest.raises(InputError) as caught:
        await (await open_source(name, audio_format)).aclose()
    assert SECRET not in str(caught.value)
    assert caught.value.hint
    return caught.value


async def all_of(name: str, audio_format: AudioFormat = FAST) -> tuple[AudioSource, Samples]:
    source = await open_source(name, audio_format)
    try:
        return source, await asyncio.wait_for(collected(source.blocks()), 60)
    finally:
        await source.aclose()


async def taken_up_again(name: str, position: int = 0) -> list[AudioBlock | Opened | Lost | Missed]:
    """Return what an endless input gives until it has been taken up again and was heard for a second."""
    items: list[AudioBlock | Opened | Lost | Missed] = []
    sound = endless.endless(lambda at: open_source(name, FAST, at), position, 16_000)
    async with asyncio.timeout(30):
        async for item in sound:
            items.append(item)
            again = [isinstance(item, Opened) and item.again for item in items]
            if any(again) and len(items) - again.index(True) > 10:
                break
    await sound.aclose()
    return items


def write_all(descriptor: int, data: bytes, sizes: Iterator[int] | None = None) -> threading.Thread:
    """Write from a thread and close, in pieces of these sizes; a reader that is gone ends it."""

    def write() -> None:
        left = memoryview(data)
        try:
            while left:
                size = next(sizes) if sizes else len(left)
                left = left[os.write(descriptor, left[:size]) :]
        except OSError:
            pass
        finally:
            os.close(descriptor)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def playlist(*segments: str, extra: str = "", ended: bool = True, first: int = 0) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:4", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    if extra:
        lines.append(extra)
    for segment in segments:
        lines += ["#EXTINF:2.0,", segment]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""]).encode()


PROGRAM = """
import asyncio, sys
from captions.audio.source import AudioFormat, open_source
from captions.errors import InputError
async def main():
    source = await open_source(sys.argv[1], AudioFormat(real_time=False, pcm_rate=16_000))
    total = 0
    async for block in source.blocks():
        total += len(block.samples)
        if len(sys.argv) > 2: break
    await source.aclose()
    print(total)
try: asyncio.run(main())
except InputError as error: print(error)
"""


def program(*arguments: str, **more: object) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        **more,  # type: ignore[call-overload]
    )
    assert ran.stderr == ""
    return str(ran.stdout.strip())
