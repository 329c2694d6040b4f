"""What the machine plays, as its sound server gives it out: the monitor of an output.

PulseAudio and PipeWire have one for each output. PortAudio knows only the sound server as a whole, so the monitor is
named to the server by the environment of the process that records. When an output goes away, the server moves who
listens to its monitor to some other source, a microphone as likely as not, and says so to nobody but those who watch.
"""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from captions.audio import portaudio
from captions.audio.devices import RATES, Device, find_device
from captions.audio.microphone import Microphone, Recording, record
from captions.audio.source import AudioFormat
from captions.errors import InputError
from captions.plain_text import plain

ANSWER_LIMIT = 5.0
"""Seconds within which the sound server must answer a question."""

UNSUBSCRIBED_SECONDS = 0.5
"""How often is looked again while it is not known that the sound server tells of changes."""

PULSE = "pulse"
"""PortAudio's name of the sound server, through ALSA's plugin."""

ELSEWHERE = {
    "darwin": "Install a loopback device, such as BlackHole, play into it, and caption it as a microphone: "
    "microphone:BlackHole",
    "win32": "Turn on Stereo Mix among the recording devices, or install a virtual cable, and caption it as a "
    "microphone: microphone:Stereo Mix",
}
"""What to do where no sound server of this kind is to be expected, by platform."""


@dataclass(frozen=True, slots=True)
class Output:
    """Something that the machine plays through: its own name for the server, and a device for people."""

    sink: str
    monitor: str
    device: Device


async def list_monitors() -> list[Device]:
    """Return the monitors there are, as of now; none where there is no sound server that has them."""
    try:
        return [output.device for output in await _outputs()]
    except InputError:
        return []


async def open_monitor(part: str, audio_format: AudioFormat, position: int) -> Microphone:
    """Hear what the default output plays, or the one that `part` of its name means, in any case.

    Raises InputError: no sound server that has monitors, no such output, or several.
    """
    part = plain(part)

    async def recorded() -> Recording:
        outputs = await _outputs()
        output = _meant(outputs, part)
        shown = f"The output {output.device.name}"
        recording = await record(PULSE, audio_format, source=output.monitor, name=output.device.name, shown=shown)
        recording.watching = asyncio.create_task(_watch(recording, output, follow_default=not part))
        return recording

    return Microphone("monitor", recorded, audio_format, position, await recorded())


def _meant(outputs: list[Output], part: str) -> Output:
    named = [output for output in outputs if output.sink == part]
    if not named:
        device = find_device([output.device for output in outputs], part)
        named = [output for output in outputs if output.device is device]
    return named[0]


async def _watch(recording: Recording, output: Output, *, follow_default: bool) -> None:
    """Break the recording off when what it hears is not the output's monitor any more, or not the default one's."""
    process = await _start("subscribe")
    assert process.stdout is not None
    subscribed = False
    try:
        while True:
            try:
                if not await _is_heard(recording, output):
                    message = f"The output {output.device.name} is gone, or is not what is recorded any more."
                    return recording.fail(
                        InputError(message, "It is heard again when it is back; or choose another input.")
                    )
                if follow_default and await _default_sink() != output.sink:
                    message = f"The machine does not play through {output.device.name} any more."
                    return recording.fail(InputError(message, "What it plays through now is heard instead."))
            except InputError as error:
                return recording.fail(error)
            subscribed = await _until_news(process.stdout, subscribed)
            if process.stdout.at_eof():
                return None  # the server has ended, which the recording finds out by itself
    finally:
        await portaudio.end(process)


async def _until_news(lines: asyncio.StreamReader, subscribed: bool) -> bool:
    """Wait until the sound server tells of a change that matters; return whether it is known to tell of changes.

    It does not say when it begins to. But it tells of every client, and each question that is asked here is one: so
    when nothing at all comes, it has not begun yet, and one must look again.
    """
    while True:
        try:
            line = await asyncio.wait_for(lines.readline(), None if subscribed else UNSUBSCRIBED_SECONDS)
        except TimeoutError:
            return False
        if not line or not subscribed or any(word in line for word in (b" source", b" sink", b" server", b" card")):
            return bool(line)


async def _is_heard(recording: Recording, output: Output) -> bool:
    """Whether the process that records is connected to the output's monitor."""
    sources = {row["index"]: row["name"] for row in await _json("list", "short", "sources")}
    for row in await _json("list", "source-outputs"):
        if row.get("properties", {}).get("application.process.id") == str(recording.process.pid):
            return sources.get(row["source"]) == output.monitor
    return recording.process.returncode is None  # between two events, its stream may not be there yet, or any more


async def _default_sink() -> str:
    return str((await _json("info")).get("default_sink_name", ""))


async def _outputs() -> list[Output]:
    """Return what the machine plays through. Raises InputError, with what to do, where that cannot be known."""
    if sys.platform in ELSEWHERE:
        raise InputError("What this system plays cannot be heard directly.", ELSEWHERE[sys.platform])
    server = await _json("info")
    system = "PipeWire" if "PipeWire" in str(server.get("server_name")) else "PulseAudio"
    sinks = await _json("list", "sinks")
    if not sinks:
        raise InputError("The machine has no output that plays.", "See `pactl list short sinks`.")
    described = [str(sink.get("description") or "") for sink in sinks]
    return [
        Output(
            sink=sink["name"],
            monitor=sink["monitor_source"],
            device=Device(
                index=sink["index"],
                name=plain(text if text and described.count(text) == 1 else sink["name"]),
                host_api=system,
                default=sink["name"] == server.get("default_sink_name"),
                channels=len(str(sink.get("channel_map", "")).split(",")),
                default_rate=_rate(str(sink.get("sample_specification", ""))),
                rates=RATES,  # the server resamples
                kind="monitor",
            ),
        )
        for sink, text in zip(sinks, described, strict=True)
        if sink.get("monitor_source")
    ]


def _rate(specification: str) -> int:
    """Return the Hz of a text such as "s16le 2ch 48000Hz"."""
    last = specification.rpartition(" ")[2].removesuffix("Hz")
    return int(last) if last.isdecimal() else 48_000


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    program = shutil.which("pactl")
    if program is None:
        packages = portaudio.packages()
        hint = (
            f"Install it: sudo {packages[2]}" if packages else "Install your system's package of it: pulseaudio-utils."
        )
        raise InputError("pactl, which tells what the machine plays through, is missing.", hint)
    return await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8"},  # the words of `subscribe` are translated otherwise
    )


async def _json(*arguments: str) -> Any:
    """Return what the sound server answers. Raises InputError."""
    process = await _start("--format=json", *arguments)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), ANSWER_LIMIT)
    except TimeoutError:
        output = b""
    finally:
        await portaudio.end(process)
    with contextlib.suppress(ValueError):
        return json.loads(output.decode(errors="replace"))
    raise InputError(
        "No sound server tells what the machine plays.",
        "Is PulseAudio (15 or later) or PipeWire running? Try: pactl --format=json info",
    )
