"""PortAudio, the sound server, and what can be recorded, with how loud it is when that is asked for."""

import asyncio
import json
import math
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from captions.audio import portaudio
from captions.audio.devices import LISTING_LIMIT, Device, list_devices
from captions.doctor.checks import Finding, Verdict, in_thread, output_of
from captions.doctor.machine import Imports
from captions.errors import InputError

if TYPE_CHECKING:
    from captions.events import Level

OPENING_SECONDS = 6.0
"""How long a device may take until it delivers; a sound server that is idle takes two."""
MOST_LISTENED = 12
"""How many devices are listened to: ALSA may list many more than there are."""
VERY_QUIET = -60.0
QUIET = -45.0
"""dBFS of the RMS below which a voice is not, or not well, to be heard; one at a usual distance has -35 to -20."""

_VERSION = "import sounddevice; print(sounddevice.get_portaudio_version()[1])"


class Devices:
    """What can be recorded here, listed once, when it is first asked for."""

    def __init__(self) -> None:
        self._listing: asyncio.Task[list[Device]] | None = None

    async def of(self, kind: str) -> list[Device]:
        """Return the devices of a kind, microphone or monitor. Raises InputError."""
        if self._listing is None:
            self._listing = asyncio.get_running_loop().create_task(list_devices())
        return [device for device in await asyncio.shield(self._listing) if device.kind == kind]


async def look_at_portaudio() -> Finding:
    """Whether the library is there that reaches microphones."""
    code, output, errors = await output_of(sys.executable, "-P", "-c", _VERSION)
    if code == 0 and output.strip():
        version = output.strip().splitlines()[-1].partition(",")[0]
        return Finding(Verdict.GOOD, version, facts={"version": version})
    reason = errors.strip().splitlines()[-1] if errors.strip() else f"it ends Python (exit code {code})"
    if "ModuleNotFoundError" in reason:
        return Finding(
            Verdict.PROBLEM,
            "The package sounddevice is not installed: there are no microphones",
            f"{sys.executable} -m pip install sounddevice",
        )
    return Finding(
        Verdict.PROBLEM, f"It cannot be loaded, so there are no microphones: {reason}", _install(0, "PortAudio")
    )


async def look_at_server(environment: Mapping[str, str] = os.environ) -> Finding:
    """Which sound server runs, and whether what leads to it is there. Monitors need all of it."""
    if sys.platform != "linux":
        return Finding(Verdict.NOT_CHECKED, "This system has a sound system of its own")
    has_plugin = await in_thread(lambda: _has_plugin(environment))
    pactl = shutil.which("pactl")
    socket = Path(environment.get("XDG_RUNTIME_DIR", "/nowhere")) / "pulse" / "native"
    facts: dict[str, object] = {"pactl": pactl is not None, "alsa_plugin": has_plugin}
    if pactl is None:
        runs = "PULSE_SERVER" in environment or await in_thread(socket.exists)
        found = "A sound server runs, but pactl" if runs else "pactl"
        return Finding(
            Verdict.WARNING,
            f"{found} is missing: what the machine plays cannot be captioned",
            _install(2, "pactl"),
            facts=facts,
        )
    _, output, errors = await output_of(
        pactl, "--format=json", "info", environment={**environment, "LC_ALL": "C.UTF-8"}
    )
    try:
        info = json.loads(output)
        name = f"{info['server_name']} {info['server_version']}"
    except (ValueError, KeyError, TypeError):
        reason = errors.strip().splitlines()[0] if errors.strip() else "pactl is older than 15"
        return Finding(
            Verdict.WARNING,
            f"None answers: {reason}. Microphones are reached without one; what the machine plays cannot be captioned",
            "Start it: systemctl --user start pipewire-pulse (or: pulseaudio --start)",
            facts=facts,
        )
    facts |= {"server": name, "default_sink": info.get("default_sink_name"), "via": info.get("server_string")}
    if not has_plugin:
        return Finding(
            Verdict.WARNING,
            f"{name}, but ALSA's plugin that leads to it is missing: no device of it can be captioned",
            _install(1, "ALSA's plugin for PulseAudio"),
            facts=facts,
        )
    return Finding(Verdict.GOOD, f"{name}, with pactl and ALSA's plugin", facts=facts)


def look_at_microphones(
    devices: Devices, imports: Imports, listen: float | None
) -> tuple[Callable[[], Awaitable[Finding]], float]:
    """Return the check of the microphones and its limit; each is heard for `listen` seconds, or not at all."""

    async def look() -> Finding:
        try:
            found = await devices.of("microphone")
        except InputError as error:
            return Finding(Verdict.PROBLEM, error.message, error.hint)
        if not found:
            return Finding(
                Verdict.WARNING,
                "There is none. Files, the sample and what comes through a pipe can be captioned",
                _microphone_missing(),
                facts={"devices": []},
            )
        return await _described(found, imports, listen)

    return look, _limit(listen)


def look_at_monitors(
    devices: Devices, imports: Imports, listen: float | None
) -> tuple[Callable[[], Awaitable[Finding]], float]:
    """Return the check of what the machine plays, and its limit."""

    async def look() -> Finding:
        try:
            found = await devices.of("monitor")
        except InputError as error:
            return Finding(Verdict.NOT_CHECKED, error.message, error.hint)
        if not found:
            return Finding(Verdict.NOT_CHECKED, "There is none to be listened to", facts={"devices": []})
        return await _described(found, imports, listen)

    return look, _limit(listen)


def in_words(rms: float, silent: bool, clipped: bool) -> str:
    """Return what a level in dBFS means for captions; `silent` is sound without a single sample but 0."""
    if silent:
        return "digital silence"
    if clipped:
        return "too loud: it is cut off"
    if rms < VERY_QUIET:
        return "next to nothing"
    return "quiet" if rms < QUIET else "well to be heard"


async def _described(found: list[Device], imports: Imports, listen: float | None) -> Finding:
    """Return what there is, and how loud each of it is where that is asked for and can be known."""
    facts = [_facts(device) for device in found]
    if listen is None or (await imports.missing("numpy", "av")) is not None:
        return Finding(Verdict.GOOD, _count(found), lines=tuple(map(_name, found)), facts={"devices": facts})
    lines: list[str] = []
    heard: dict[str, Heard] = {}
    for device, fact in zip(found, facts, strict=True):
        if device.name in heard or len(heard) >= MOST_LISTENED:
            lines.append(f"{_name(device)}: not listened to")
            continue
        heard[device.name] = one = await _hear(device, listen)
        lines.append(f"{_name(device)}: {one.text}")
        fact |= one.facts
    told = {"devices": facts, "seconds": listen}
    if found[0].kind == "microphone" and (fault := _fault(found, heard)):
        return Finding(Verdict.WARNING, f"{_count(found)}; {fault[0]}", fault[1], tuple(lines), told)
    return Finding(Verdict.GOOD, _count(found), lines=tuple(lines), facts=told)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a device: in words, for programs, and whether it could be recorded and was not mute."""

    text: str
    facts: Mapping[str, object]
    recorded: bool
    mute: bool


def _fault(found: list[Device], heard: Mapping[str, Heard]) -> tuple[str, str] | None:
    """Return what is wrong with the default microphone, or with all of them, and what mends it."""
    default = next((heard[device.name] for device in found if device.default and device.name in heard), None)
    if default is not None and not default.recorded:
        return "the default one cannot be recorded", "Is it held by another program? Choose another one."
    if (default is not None and default.mute) or all(one.mute for one in heard.values()):
        return f"{'the default one' if default is not None else 'each'} gives digital silence", _unmute()
    if not any(one.recorded for one in heard.values()):
        return "none can be recorded", "Are they held by another program, or forbidden?"
    return None


async def _hear(device: Device, seconds: float) -> Heard:
    from captions.audio.level import FLOOR

    try:
        levels = await asyncio.wait_for(_levels(device, seconds), OPENING_SECONDS + seconds)
    except (InputError, TimeoutError) as error:
        reason = str(error) or f"it delivered nothing within {OPENING_SECONDS:g} s"
        return Heard(reason, {"error": reason}, recorded=False, mute=False)
    rms, peak, clipped = _summary(levels)
    word = in_words(rms, peak <= FLOOR, clipped)
    facts = {"rms_dbfs": round(rms, 1), "peak_dbfs": round(peak, 1), "level": word}
    return Heard(f"{rms:.0f} dBFS, {word}", facts, recorded=True, mute=peak <= FLOOR)


async def _levels(device: Device, seconds: float) -> "list[Level]":
    from captions.audio.level import LevelMeter
    from captions.audio.source import AudioFormat, open_source

    source = await open_source(f"{device.kind}:{device.name}", AudioFormat())
    try:
        meter, levels = LevelMeter(), []
        async for block in source.blocks():
            levels.append(meter.measure(block))
            if levels[-1].time >= seconds:
                break
    finally:
        await source.aclose()
    if not levels:
        raise InputError("It ended before it delivered anything.")
    return levels


def _summary(levels: "list[Level]") -> tuple[float, float, bool]:
    """Return RMS and peak in dBFS, and whether it was clipped. There is one level at least."""
    power = sum(10 ** (level.rms / 10) for level in levels) / len(levels)
    return 10 * math.log10(power), max(level.peak for level in levels), any(level.clipped for level in levels)


def _limit(listen: float | None) -> float:
    return LISTING_LIMIT + (0 if listen is None else MOST_LISTENED * (OPENING_SECONDS + listen))


def _count(found: list[Device]) -> str:
    noun = "microphone" if found[0].kind == "microphone" else "output that can be captioned"
    plural = noun if len(found) == 1 else noun.replace("microphone", "microphones").replace("output", "outputs")
    return f"{len(found)} {plural}"


def _name(device: Device) -> str:
    return f"{device.name} (default)" if device.default else device.name


def _facts(device: Device) -> dict[str, object]:
    return {"name": device.name, "default": device.default, "host_api": device.host_api, "rates": list(device.rates)}


def _has_plugin(environment: Mapping[str, str]) -> bool:
    """Whether ALSA has its plugin for PulseAudio, in one of the folders where distributions put plugins."""
    folders = [Path(environment["ALSA_PLUGIN_DIR"])] if environment.get("ALSA_PLUGIN_DIR") else []
    for library in (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"), *Path("/usr/lib").glob("*-*-*")):
        folders.append(library / "alsa-lib")
    return any((folder / "libasound_module_pcm_pulse.so").exists() for folder in folders)


def _install(which: int, what: str) -> str:
    """Return how a part of `portaudio.packages` is installed here."""
    if sys.platform == "darwin":
        return "brew install portaudio"
    commands = portaudio.packages()
    return f"sudo {commands[which]}" if commands else f"Install your system's package of {what}."


def _microphone_missing() -> str:
    if sys.platform == "darwin":
        return "Plug one in, and allow it: System Settings, Privacy & Security, Microphone."
    if sys.platform == "win32":
        return "Plug one in, and allow it: Settings, Privacy, Microphone, desktop apps."
    return "Plug one in; over SSH it is this machine's, not yours."


def _unmute() -> str:
    if sys.platform == "darwin":
        return "Allow your terminal: System Settings, Privacy & Security, Microphone. Is it muted?"
    if sys.platform == "win32":
        return "Settings, Privacy, Microphone: allow desktop apps. Is it muted?"
    return "Unmute it: pactl set-source-mute @DEFAULT_SOURCE@ 0, or with alsamixer (F4)."
