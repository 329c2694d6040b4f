"""What the machine plays is heard, output by output, and never something else in its place."""

import asyncio
import json
import os
import re
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from captions.audio import endless
from captions.audio.block import AudioBlock, Samples
from captions.audio.devices import RATES, list_devices
from captions.audio.endless import Lost, Missed, Opened
from captions.audio.monitor import list_monitors
from captions.audio.source import AudioFormat, AudioSource, open_source
from captions.errors import InputError
from tests.audio.tones import loudest_frequency, rms, tone
from tests.pulse import PulseServer, running_pulse

LIVE = AudioFormat()


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    with running_pulse(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def outputs(pulse: PulseServer, tmp_path: Path) -> PulseServer:
    """Return a sound server with two outputs more: 440 Hz sound in the Speakers, 1 kHz in the Headphones."""
    for name, frequency in (("Speakers", 440), ("Headphones", 1_000)):
        pulse.add_output(name)
        pulse.play(hum(tmp_path / f"{name}.wav", frequency), name)
    pulse.control("set-default-sink", "Speakers")
    return pulse


def hum(path: Path, frequency: float) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.round(tone(frequency, 60, 48_000, channels=2).T * 32767).astype("<i2").tobytes())
    return path


async def sounding(blocks: AsyncIterator[AudioBlock], count: int = 10) -> Samples:
    """Return the sound of some blocks from the one on in which something is to be heard."""
    async with asyncio.timeout(20):
        while rms((await anext(blocks)).samples) < 0.3:
            pass
        return np.concatenate([(await anext(blocks)).samples for _ in range(count)])


async def frequency_of(name: str) -> float:
    source = await open_source(name, LIVE)
    try:
        return loudest_frequency(await sounding(source.blocks()), 16_000)
    finally:
        await source.aclose()


async def test_the_default_output_is_heard(outputs: PulseServer) -> None:
    start = time.monotonic()
    source = await open_source("monitor", AudioFormat(block_ms=50), 4_321)
    blocks = source.blocks()
    first = await anext(blocks)
    assert time.monotonic() - start < 2
    assert (source.kind, source.name, source.live) == ("monitor", "Speakers", True)
    assert (first.position, len(first.samples)) == (4_321, 800)
    assert loudest_frequency(await sounding(blocks), 16_000) == pytest.approx(440, abs=2)
    await source.aclose()
    await gone(outputs)


async def gone(pulse: PulseServer) -> None:
    """Wait until nothing records any more."""
    async with asyncio.timeout(10):
        while await asyncio.to_thread(pulse.recordings):
            pass


@pytest.mark.parametrize(
    ("part", "frequency"), [("Speakers", 440), ("head", 1_000), ("PHONES", 1_000), ("Headphones", 1_000)]
)
async def test_an_output_is_meant_by_a_part_of_its_name(part: str, frequency: float, outputs: PulseServer) -> None:
    assert await frequency_of(f"monitor:{part}") == pytest.approx(frequency, abs=2)


async def test_two_outputs_are_heard_at_once_each_its_own(outputs: PulseServer) -> None:
    both = await asyncio.gather(frequency_of("monitor:Speakers"), frequency_of("monitor:Headphones"))
    assert list(both) == pytest.approx([440, 1_000], abs=2)


async def test_an_output_that_is_not_there_or_one_of_several_is_told(outputs: PulseServer) -> None:
    outputs.add_output("Speakers in the hall")
    for part, message in (
        ("hedphones", r"There is no output named 'hedphones'\. Did you mean Headphones\?"),
        ("qqq", r"There are: .*Speakers, Headphones, Speakers in the hall\."),
        ("eak", r"Several outputs are named 'eak'\. Say which is meant: Speakers, Speakers in the hall\."),
    ):
        with pytest.raises(InputError, match=message):
            await open_source(f"monitor:{part}", LIVE)


async def test_devices_are_listed_in_groups_and_fresh_each_time(outputs: PulseServer) -> None:
    before = await list_devices()
    assert [device.kind for device in before] == sorted((device.kind for device in before), key="microphone".__ne__)
    monitors = {device.name: device for device in before if device.kind == "monitor"}
    assert {name for name, device in monitors.items() if device.default} == {"Speakers"}
    speakers = monitors["Speakers"]
    assert (speakers.host_api, speakers.channels, speakers.default_rate, speakers.rates) == (
        "PulseAudio", 2, 48_000, RATES,
    )  # fmt: skip
    outputs.add_output("Projector")
    assert [device.name for device in await list_monitors()] == [*monitors, "Projector"]


async def test_outputs_of_the_same_name_are_told_apart(pulse: PulseServer) -> None:
    for sink in ("left", "right"):
        pulse.add_output("Speakers", sink)
    assert [device.name for device in await list_monitors()][1:] == ["left", "right"]


async def lost(source: AudioSource, change: Callable[[], object]) -> tuple[list[Samples], str]:
    """Return what is heard after a change until the sound breaks off, and why it does."""
    blocks = source.blocks()
    await sounding(blocks)
    await asyncio.to_thread(change)
    after: list[Samples] = []

    async def listen() -> None:
        async for block in blocks:
            after.append(block.samples)

    with pytest.raises(InputError) as caught:
        await asyncio.wait_for(listen(), 10)
    await source.aclose()
    return after, str(caught.value)


async def test_an_output_that_goes_away_is_told_and_no_other_is_heard_in_its_place(outputs: PulseServer) -> None:
    outputs.control("set-default-source", "Headphones.monitor")  # where the server would move the listener
    source = await open_source("monitor:Speakers", LIVE)
    after, why = await lost(source, lambda: outputs.remove_output("Speakers"))
    assert "The output Speakers is gone" in why
    heard = [samples for samples in after if rms(samples) > 0.01]
    strange = [samples for samples in heard if loudest_frequency(samples, 16_000) == pytest.approx(1_000, abs=15)]
    assert len(strange) <= 1  # what was recorded while the server told of it
    await gone(outputs)


async def test_a_listener_that_is_moved_elsewhere_is_told(outputs: PulseServer) -> None:
    source = await open_source("monitor:Speakers", LIVE)

    def move() -> None:
        (row,) = json.loads(outputs.control("--format=json", "list", "source-outputs"))
        outputs.control("move-source-output", str(row["index"]), "Headphones.monitor")

    _, why = await lost(source, move)
    assert "is not what is recorded any more" in why


async def test_a_default_output_that_is_another_one_now_is_followed(
    outputs: PulseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, frequencies = [], []
    sound = endless.endless(lambda at: open_source("monitor", LIVE, at), 0, 16_000)
    async with asyncio.timeout(30):
        async for item in sound:
            if isinstance(item, Opened):
                opened.append((item.source.name, item.again))
            elif isinstance(item, AudioBlock) and rms(item.samples) > 0.3:
                frequencies.append(round(loudest_frequency(item.samples, 16_000), -2))
                if len(frequencies) == 5:
                    outputs.control("set-default-sink", "Headphones")
                if frequencies[-3:] == [1_000] * 3:
                    break
    await sound.aclose()
    assert opened == [("Speakers", False), ("Headphones", True)]
    assert frequencies[:5] == [400] * 5


async def test_an_output_that_comes_back_is_heard_again_at_its_place_in_time(
    outputs: PulseServer, tmp_path: Path
) -> None:
    items: list[object] = []
    end = 0
    sound = endless.endless(lambda at: open_source("monitor:Speakers", LIVE, at), 0, 16_000)
    async with asyncio.timeout(40):
        async for item in sound:
            items.append(item)
            match item:
                case AudioBlock() if not any(isinstance(before, Lost) for before in items):
                    end = item.end
                    if len(items) == 10:
                        outputs.remove_output("Speakers")
                case Lost():
                    outputs.add_output("Speakers")
                    outputs.play(hum(tmp_path / "again.wav", 700), "Speakers")
                case AudioBlock() if rms(item.samples) > 0.1:  # both hums, as the server moves the first one back
                    break
    await sound.aclose()
    missed = next(item for item in items if isinstance(item, Missed))
    first = next(item for item in items[items.index(missed) :] if isinstance(item, AudioBlock))
    assert missed.reason == "the monitor was gone"
    assert first.position == end + round(missed.seconds * 16_000)


async def test_a_pause_lets_go_of_the_output(outputs: PulseServer) -> None:
    source = await open_source("monitor", LIVE)
    blocks = source.blocks()
    await sounding(blocks)
    source.pause()
    waiting = asyncio.ensure_future(anext(blocks))
    await gone(outputs)
    source.resume()
    await asyncio.wait_for(waiting, 10)
    assert loudest_frequency(await sounding(blocks), 16_000) == pytest.approx(440, abs=2)
    await source.aclose()
    await gone(outputs)


async def test_a_sound_server_that_ends_is_told(outputs: PulseServer) -> None:
    source = await open_source("monitor", LIVE)
    _, why = await lost(source, outputs.kill)
    assert "The output Speakers" in why or "No sound server" in why
    with pytest.raises(InputError, match="No sound server tells what the machine plays"):
        await open_source("monitor", LIVE)
    assert await list_monitors() == []


async def test_nothing_is_left_running(outputs: PulseServer) -> None:
    import psutil

    source = await open_source("monitor", LIVE)
    await sounding(source.blocks())
    await source.aclose()
    names = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert not [name for name in names if "subscribe" in name or "portaudio" in name]


# Where there is no such thing


@pytest.mark.parametrize(("platform", "advice"), [("darwin", "BlackHole"), ("win32", "Stereo Mix")])
async def test_on_other_systems_it_is_told_what_to_do(
    platform: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("captions.audio.monitor.sys.platform", platform)
    with pytest.raises(InputError, match=f"microphone:{advice}"):
        await open_source("monitor", LIVE)
    assert await list_monitors() == []


@pytest.mark.skipif(sys.platform != "linux", reason="pactl is Linux's")
async def test_without_pactl_it_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"ID": "debian"})
    with pytest.raises(InputError, match="sudo apt install pulseaudio-utils"):
        await open_source("monitor", LIVE)
    monkeypatch.setattr("platform.freedesktop_os_release", dict)
    with pytest.raises(InputError, match=re.escape("your system's package of it: pulseaudio-utils")):
        await open_source("monitor", LIVE)


@pytest.mark.skipif(sys.platform != "linux", reason="pactl is Linux's")
async def test_a_sound_server_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pactl").write_text("#!/bin/sh\nexec sleep 30\n")
    (tmp_path / "pactl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("captions.audio.monitor.ANSWER_LIMIT", 0.3)
    with pytest.raises(InputError, match="No sound server tells"):
        await open_source("monitor", LIVE)
