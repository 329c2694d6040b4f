"""A microphone is heard through a real sound server, and whatever becomes of it is told in a sentence."""

import asyncio
import itertools
import re
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from captions.audio.block import AudioBlock
from captions.audio.devices import list_devices
from captions.audio.microphone import Microphone, open_microphone
from captions.audio.source import AudioFormat
from captions.errors import InputError
from tests.audio.tones import impurity, loudest_frequency, rms, tone
from tests.pulse import PulseServer, running_pulse

SCRIPTED = Path(__file__).parent / "scripted_device"


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    with running_pulse(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def humming(pulse: PulseServer, tmp_path: Path) -> PulseServer:
    """Return a sound server in which 440 Hz sound for a minute."""
    with wave.open(str(tmp_path / "hum.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.round(tone(440, 60, 48_000, channels=2).T * 32767).astype("<i2").tobytes())
    pulse.play(tmp_path / "hum.wav")
    return pulse


async def heard(blocks: AsyncIterator[AudioBlock], count: int) -> list[AudioBlock]:
    """Return the first blocks from the one on in which something is to be heard."""
    async with asyncio.timeout(20):
        while rms((block := await anext(blocks)).samples) < 0.3:
            pass
        return [block, *[await anext(blocks) for _ in range(count - 1)]]


async def recordings(pulse: PulseServer, count: int) -> None:
    """Wait until so many streams record."""
    async with asyncio.timeout(10):
        while await asyncio.to_thread(pulse.recordings) != count:
            pass


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_what_sounds_is_heard_at_the_rate_asked_for(rate: int, humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(rate=rate, block_ms=50), position=12_345)
    blocks = microphone.blocks()
    first = await anext(blocks)
    got = await heard(blocks, 20)
    await microphone.aclose()

    assert (microphone.kind, microphone.name) == ("microphone", "default")
    assert first.position == 12_345
    assert {(block.rate, len(block.samples)) for block in got} == {(rate, rate // 20)}
    assert [block.position for block in got[1:]] == [block.end for block in got[:-1]]
    samples = np.concatenate([block.samples for block in got[1:]])
    assert loudest_frequency(samples, rate) == pytest.approx(440, abs=2)
    assert impurity(samples, 440, rate) < -40
    assert microphone.dropped == 0
    await recordings(humming, 0)


async def test_the_first_block_comes_soon(humming: PulseServer) -> None:
    start = time.monotonic()
    microphone = await open_microphone("", AudioFormat(), 0)
    await anext(microphone.blocks())
    took = time.monotonic() - start
    await microphone.aclose()
    assert took < 1.0


async def test_a_microphone_is_listed_with_its_rates_and_found_by_a_part_of_its_name(humming: PulseServer) -> None:
    devices = await list_devices()
    assert [(device.name, device.rates) for device in devices if device.default and device.kind == "microphone"] == [
        ("default", (8_000, 16_000, 48_000))
    ]
    microphone = await open_microphone("PUL", AudioFormat(), 0)
    await heard(microphone.blocks(), 1)
    await microphone.aclose()
    assert microphone.name == "pulse"

    with pytest.raises(InputError, match="Did you mean pulse"):
        await open_microphone("pulsar", AudioFormat(), 0)


async def test_a_pause_lets_go_of_the_device_and_resuming_takes_it_again(humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(), 0)
    blocks = microphone.blocks()
    before = await heard(blocks, 3)
    await recordings(humming, 1)

    microphone.pause()
    microphone.pause()
    waiting = asyncio.ensure_future(anext(blocks))
    await recordings(humming, 0)
    assert not waiting.done()

    microphone.resume()
    microphone.resume()
    first = await asyncio.wait_for(waiting, 10)
    assert first.position == before[-1].end
    assert rms((await heard(blocks, 1))[0].samples) > 0.3
    assert microphone.dropped == 0
    await microphone.aclose()
    await recordings(humming, 0)


async def test_pausing_and_resuming_at_once_goes_on(humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(), 0)
    blocks = microphone.blocks()
    last = (await heard(blocks, 1))[-1]
    for _ in range(3):
        microphone.pause()
        microphone.resume()
        block = await asyncio.wait_for(anext(blocks), 10)
        assert block.position == last.end
        last = block
    await recordings(humming, 1)
    await microphone.aclose()


async def test_a_sound_server_that_ends_is_told(humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(), 0)
    blocks = microphone.blocks()
    await heard(blocks, 3)
    humming.kill()

    async def listen() -> None:
        async for _ in blocks:
            pass

    with pytest.raises(InputError, match="The microphone default is gone"):
        await asyncio.wait_for(listen(), 10)
    await microphone.aclose()

    with pytest.raises(InputError):
        await open_microphone("", AudioFormat(), 0)


async def test_a_sound_server_that_ends_during_a_pause_is_told_on_resuming(humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(), 0)
    blocks = microphone.blocks()
    await heard(blocks, 1)
    microphone.pause()
    humming.kill()
    microphone.resume()
    with pytest.raises(InputError):
        await asyncio.wait_for(anext(blocks), 10)
    await microphone.aclose()


@pytest.mark.parametrize("state", ["not yet begun", "waiting for a block", "paused", "between blocks"])
async def test_closing_lets_go_of_the_device_from_any_state(state: str, humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(block_ms=1_000), 0)
    blocks = microphone.blocks()
    if state == "between blocks":
        await anext(blocks)
    if state == "paused":
        microphone.pause()
    waiting = asyncio.ensure_future(anext(blocks, None)) if state in ("waiting for a block", "paused") else None
    if waiting is not None:
        await asyncio.wait({waiting}, timeout=0.1)

    async with asyncio.timeout(2):
        await microphone.aclose()
        await microphone.aclose()
        assert await (waiting or anext(blocks, None)) is None
    await recordings(humming, 0)


async def test_a_reader_that_is_cancelled_leaves_a_source_that_can_be_closed(humming: PulseServer) -> None:
    microphone = await open_microphone("", AudioFormat(block_ms=1_000), 0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(microphone.blocks()), 0.05)
    await asyncio.wait_for(microphone.aclose(), 2)
    await recordings(humming, 0)


def test_nothing_stays_behind_when_the_program_is_killed(humming: PulseServer) -> None:
    program = (
        "import asyncio\n"
        "from captions.audio.microphone import open_microphone\n"
        "from captions.audio.source import AudioFormat\n"
        "async def main():\n"
        "    microphone = await open_microphone('', AudioFormat(), 0)\n"
        "    async for block in microphone.blocks(): print(block.position, flush=True)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        ran.stdout.readline()
        (child,) = psutil.Process(ran.pid).children()
        ran.kill()
    child.wait(timeout=10)
    assert humming.recordings() == 0


def test_what_alsa_prints_never_reaches_the_programs_own_output(
    pulse: PulseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SOURCE", "no-such-source")
    noisy = (
        "import sounddevice\n"
        "try: sounddevice.RawInputStream(device='default', channels=1)\n"
        "except sounddevice.PortAudioError: print('failed')"
    )
    quiet = (
        "import asyncio\n"
        "from captions.audio.devices import list_devices\n"
        "from captions.audio.microphone import open_microphone\n"
        "from captions.audio.source import AudioFormat\n"
        "from captions.errors import InputError\n"
        "async def main():\n"
        "    await list_devices()\n"
        "    await open_microphone('default', AudioFormat(), 0)\n"
        "try: asyncio.run(main())\n"
        "except InputError as error: print(error.message)"
    )

    def run(program: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert "ALSA lib" in run(noisy).stderr
    ran = run(quiet)
    assert ran.stderr == ""
    assert re.fullmatch(r"The microphone default cannot be opened: .*\.\n", ran.stdout)


# What no test machine has: everything is real here but the module that reaches the hardware.


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PYTHONPATH", str(SCRIPTED))
    return monkeypatch


async def failure(part: str = "") -> str:
    with pytest.raises(InputError) as caught:
        await open_microphone(part, AudioFormat(), 0)
    return str(caught.value)


async def test_a_device_that_cannot_do_the_rate_is_resampled_without_clicks(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "works")
    microphone = await open_microphone("", AudioFormat(), 500)
    blocks = microphone.blocks()
    got = [await anext(blocks) for _ in range(10)]
    await microphone.aclose()

    assert {len(block.samples) for block in got} == {1_600}
    assert [block.position for block in got] == [500 + 1_600 * number for number in range(10)]
    samples = np.concatenate([block.samples for block in got])
    assert impurity(samples[400:], 440, 16_000) < -80
    assert rms(samples[400:]) * 32768 == pytest.approx(15_000 / np.sqrt(2), rel=0.01)
    assert microphone.name == "Scripted[31m Microphone"


async def test_a_listing_tells_that_a_device_takes_none_of_the_rates(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "works")
    (device,) = await list_devices()
    assert (device.default_rate, device.rates, device.default) == (44_100, (), True)


async def test_a_busy_device_is_told(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "busy")
    assert "is busy: another program holds it" in await failure()


async def test_a_device_that_fails_is_told_in_the_hosts_own_words(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "broken")
    assert "cannot be opened: Input/output error." in await failure()


async def test_a_driver_that_crashes_or_hangs_takes_nothing_with_it(scripted: pytest.MonkeyPatch) -> None:
    scripted.setattr("captions.audio.microphone.OPENING_LIMIT", 1.0)
    for script in ("crashes", "hangs"):
        scripted.setenv("SCRIPTED_DEVICE", script)
        assert "gave no answer" in await failure()


async def test_no_microphone_no_default_one_and_several_are_told(scripted: pytest.MonkeyPatch) -> None:
    scripted.delenv("PULSE_SERVER", raising=False)
    scripted.setenv("XDG_RUNTIME_DIR", "/nowhere")
    scripted.setenv("SCRIPTED_DEVICE", "none")
    assert "There is no microphone." in await failure()
    scripted.setenv("SCRIPTED_DEVICE", "many")
    assert "Name one: Desk Microphone, Head Microphone, Line In." in await failure()
    assert "Say which is meant: Desk Microphone, Head Microphone." in await failure("microphone")


@pytest.mark.skipif(sys.platform != "linux", reason="ALSA is Linux's")
async def test_a_sound_server_that_alsa_cannot_reach_is_told(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "none")
    scripted.setenv("PULSE_SERVER", "unix:/somewhere")
    assert "ALSA's plugin that leads to it is missing" in await failure()


async def all_of(microphone: Microphone) -> tuple[list[AudioBlock], str]:
    """Return all blocks until the sound breaks off, and why it did."""
    got = []
    try:
        async with asyncio.timeout(20):
            async for block in microphone.blocks():
                got.append(block)
    except InputError as error:
        return got, str(error)
    finally:
        await microphone.aclose()
    return got, ""


@pytest.mark.parametrize(
    ("script", "blocks", "reason"),
    [
        ("unplugged", 4, "is gone: it was unplugged"),
        ("falls silent", 4, "has delivered nothing for 2 seconds"),
        ("mute", 0, "has delivered nothing for 5 seconds"),
    ],
)
async def test_a_device_that_delivers_no_more_is_told(
    script: str, blocks: int, reason: str, scripted: pytest.MonkeyPatch
) -> None:
    scripted.setenv("SCRIPTED_DEVICE", script)
    got, why = await all_of(await open_microphone("", AudioFormat(), 0))
    assert len(got) == blocks
    assert reason in why


async def test_what_nobody_takes_is_dropped_counted_and_leaves_a_hole_in_the_positions(
    scripted: pytest.MonkeyPatch,
) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "hurried")
    microphone = await open_microphone("", AudioFormat(), 0)
    got, why = await all_of(microphone)

    holes = [got[0].position, *(after.position - before.end for before, after in itertools.pairwise(got))]
    assert min(holes) == 0
    assert sum(holes) == microphone.dropped > 0
    assert got[-1].end == pytest.approx(300 * 16_000, rel=0.001)
    assert "is gone" in why


async def test_audio_lost_in_the_device_is_counted(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_DEVICE", "overflows")
    microphone = await open_microphone("", AudioFormat(), 0)
    blocks = microphone.blocks()
    for _ in range(5):
        await anext(blocks)
    await microphone.aclose()
    assert microphone.overflows == 1
