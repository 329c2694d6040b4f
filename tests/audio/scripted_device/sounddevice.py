"""A stand-in for the module `sounddevice`, put before it by PYTHONPATH: devices that no test machine has.

`SCRIPTED_DEVICE` says how its one microphone behaves; all that is beyond the module, from the process that records to
the source, is real. It has two channels and 44100 Hz only, as some interfaces have, and hears 440 Hz.
"""

import math
import os
import sys
import threading
import time
from array import array
from collections.abc import Callable

SCRIPT = os.environ["SCRIPTED_DEVICE"]
RATE = 44_100
HURRIED_BLOCKS = 3_000


class PortAudioError(Exception):
    """As the real one: text, code and, from a host, its own words."""


class _Flags:
    def __init__(self, overflow: bool) -> None:
        self.input_overflow = overflow


def query_hostapis() -> list[dict[str, object]]:
    return [{"name": "Scripted"}]


def query_devices(kind: str | None = None) -> object:
    names = ["Scripted\x1b[31m Microphone"] if SCRIPT != "many" else ["Desk Microphone", "Head Microphone", "Line In"]
    devices = [
        {"index": index, "name": name, "hostapi": 0, "max_input_channels": 2, "default_samplerate": float(RATE)}
        for index, name in enumerate(names)
    ]
    if SCRIPT == "none":
        devices = []
    if kind is None:
        return devices
    if SCRIPT in ("many", "none"):
        raise PortAudioError("Error querying device -1")
    return devices[0]


def check_input_settings(device: int, channels: int, samplerate: float, dtype: str) -> None:
    if samplerate != RATE:
        raise PortAudioError("Error checking input settings: Invalid sample rate", -9997)


class RawInputStream:
    """Delivers what the script says, in a thread, when it is started."""

    def __init__(
        self,
        *,
        device: int,
        samplerate: int,
        channels: int,
        dtype: str,
        blocksize: int,
        callback: Callable[[bytes, int, object, _Flags], None],
        finished_callback: Callable[[], None],
    ) -> None:
        print("ALSA lib pcm.c:0: noise that must not be seen", file=sys.stderr)
        os.write(1, b"noise that must not be heard")
        if SCRIPT == "busy":
            raise PortAudioError("Error opening RawInputStream: Device unavailable", -9985)
        if SCRIPT == "broken":
            words = (0, -5, "Input/output error")
            raise PortAudioError("Error opening RawInputStream: Unanticipated host error", -9999, words)
        if samplerate != RATE:
            raise PortAudioError("Error opening RawInputStream: Invalid sample rate", -9997)
        if channels != 2:
            raise PortAudioError("Error opening RawInputStream: Invalid number of channels", -9998)
        if SCRIPT == "crashes":
            os.abort()
        if SCRIPT == "hangs":
            threading.Event().wait()
        self._size = blocksize
        self._callback = callback
        self._finished = finished_callback

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        if SCRIPT == "mute":
            return
        sine = [math.sin(2 * math.pi * 440 * at / RATE) for at in range(RATE)]  # a whole number of waves a second
        second = array("h", [round(side * value) for value in sine for side in (20_000, 10_000)]).tobytes() * 2
        blocks = HURRIED_BLOCKS if SCRIPT == "hurried" else 600
        for number in range(blocks):
            start = 4 * (number * self._size % RATE)
            block = second[start : start + 4 * self._size]
            self._callback(block, self._size, None, _Flags(SCRIPT == "overflows" and number == 2))
            if SCRIPT == "hurried":  # faster than anybody takes it
                continue
            if number == 4 and SCRIPT == "falls silent":
                return
            if number == 4 and SCRIPT == "unplugged":
                break
            time.sleep(self._size / RATE)
        self._finished()
