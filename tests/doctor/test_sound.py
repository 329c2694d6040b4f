"""PortAudio, the sound server and what can be recorded, with a real sound server."""

import os
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from captions.audio import portaudio
from captions.audio.level import FLOOR
from captions.doctor import sound
from captions.doctor.checks import Check, Finding, Verdict, carry_out
from captions.doctor.machine import Imports
from tests.pulse import PulseServer, require_pulse, running_pulse


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    require_pulse()
    with running_pulse(tmp_path, monkeypatch) as server:
        yield server


async def microphones(listen: float | None = None) -> Finding:
    look, limit = sound.look_at_microphones(sound.Devices(), Imports(), listen)
    return (await carry_out(Check("microphones", "Sound", "Microphones", look, limit))).finding


async def monitors(listen: float | None = None) -> Finding:
    look, limit = sound.look_at_monitors(sound.Devices(), Imports(), listen)
    return (await carry_out(Check("monitors", "Sound", "Monitors", look, limit))).finding


def noise(path: Path, seconds: float, amplitude: float) -> Path:
    samples = np.random.default_rng(7).normal(0, amplitude, round(48_000 * seconds)).clip(-1, 1)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return path


async def test_portaudio_is_told_with_its_version() -> None:
    require_pulse()
    finding = await sound.look_at_portaudio()
    assert finding.verdict is Verdict.GOOD
    assert finding.found.startswith("PortAudio V19")


@pytest.fixture
def break_sounddevice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Return a function that puts another program in the place of the package."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return (tmp_path / "sounddevice.py").write_text


@pytest.mark.parametrize(
    ("distribution", "command"),
    [
        ("ID=debian", "apt install libportaudio2"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'", "apt install libportaudio2"),
        ("ID=fedora", "dnf install portaudio"),
        ("ID=manjaro\nID_LIKE=arch", "pacman -S portaudio"),
        ("ID=alpine", "apk add portaudio"),
        ("ID=opensuse-tumbleweed\nID_LIKE='opensuse suse'", "zypper install libportaudio2"),
        ("ID=nixos", "your system's package"),
    ],
)
async def test_where_portaudio_is_missing_the_distributions_command_is_told(
    distribution: str, command: str, break_sounddevice: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_sounddevice("raise OSError('PortAudio library not found')")
    release = dict(line.split("=") for line in distribution.replace("'", "").splitlines())
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    finding = await sound.look_at_portaudio()
    assert finding.verdict is Verdict.PROBLEM
    assert "PortAudio library not found" in finding.found
    assert command in finding.mend


async def test_portaudio_that_breaks_down_is_a_problem_and_no_crash(break_sounddevice: Callable[[str], object]) -> None:
    break_sounddevice("import os; os.kill(os.getpid(), 11)")
    finding = await sound.look_at_portaudio()
    assert (finding.verdict, "ends Python (exit code -11)" in finding.found) == (Verdict.PROBLEM, True)


async def test_a_sound_server_with_all_that_leads_to_it_is_good(pulse: PulseServer) -> None:
    finding = await sound.look_at_server(os.environ)
    assert finding.verdict is Verdict.GOOD, finding
    assert "pulseaudio" in finding.found.lower()
    assert finding.facts["default_sink"] == "loopback"


async def test_what_of_it_is_missing_is_told_with_what_installs_it(
    pulse: PulseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "_has_plugin", lambda environment: False)
    finding = await sound.look_at_server(os.environ)
    assert (finding.verdict, "plugin" in finding.found) == (Verdict.WARNING, True)
    commands = portaudio.packages()
    assert commands is None or commands[1] in finding.mend
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = await sound.look_at_server(os.environ)
    assert (finding.verdict, "A sound server runs, but pactl is missing" in finding.found) == (Verdict.WARNING, True)
    assert commands is None or commands[2] in finding.mend


async def test_a_sound_server_that_has_ended_is_told(pulse: PulseServer) -> None:
    pulse.kill()
    finding = await sound.look_at_server(os.environ)
    assert (finding.verdict, "None answers" in finding.found) == (Verdict.WARNING, True)
    assert "systemctl --user start" in finding.mend


async def test_devices_are_listed_without_being_opened(pulse: PulseServer) -> None:
    finding = await microphones()
    assert finding.verdict is Verdict.GOOD, finding
    assert any(line.endswith("(default)") for line in finding.lines)
    assert pulse.recordings() == 0
    finding = await monitors()
    assert finding.verdict is Verdict.GOOD, finding
    assert finding.found == "1 output that can be captioned"


async def test_a_silent_microphone_is_told_with_what_unmutes_it(pulse: PulseServer) -> None:
    finding = await microphones(listen=0.5)
    assert finding.verdict is Verdict.WARNING, finding
    assert "the default one gives digital silence" in finding.found
    assert "pactl set-source-mute" in finding.mend
    assert any("-96 dBFS, digital silence" in line for line in finding.lines)
    assert pulse.recordings() == 0


async def test_a_microphone_that_hears_is_told_with_its_level(pulse: PulseServer, tmp_path: Path) -> None:
    pulse.play(noise(tmp_path / "noise.wav", 60, 0.03))
    finding = await microphones(listen=1.0)
    assert finding.verdict is Verdict.GOOD, finding
    levels = [device["rms_dbfs"] for device in finding.facts["devices"] if "rms_dbfs" in device]  # type: ignore[attr-defined]
    # White noise of -30.5 dBFS at 48 kHz, of which a third is below the 8 kHz that are heard at 16 kHz: -35.2.
    assert any(-38 < level < -33 for level in levels), finding
    assert any("well to be heard" in line for line in finding.lines)


async def test_an_output_that_plays_nothing_is_no_fault(pulse: PulseServer) -> None:
    finding = await monitors(listen=0.5)
    assert finding.verdict is Verdict.GOOD, finding
    assert "digital silence" in finding.lines[0]


@pytest.mark.parametrize(
    ("rms", "silent", "clipped", "word"),
    [
        (FLOOR, True, False, "digital silence"),
        (-70.0, False, False, "next to nothing"),
        (-50.0, False, False, "quiet"),
        (-28.0, False, False, "well to be heard"),
        (-3.0, False, True, "too loud: it is cut off"),
    ],
)
def test_a_level_has_a_word(rms: float, silent: bool, clipped: bool, word: str) -> None:
    assert sound.in_words(rms, silent, clipped) == word
