"""A sound server of our own: PulseAudio with a null sink, whose monitor is the default microphone.

    @pytest.fixture
    def pulse(tmp_path, monkeypatch):
        with running_pulse(tmp_path, monkeypatch) as server:
            yield server

    server.play("speech.wav")        # and PortAudio's default input hears it

It needs no sound card and no user session, and leaves those of the machine alone: it has a runtime folder, a
configuration and a socket of its own, and programs find it by the variables in `environment`.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import pytest

STARTING_LIMIT = 20.0
"""Seconds within which the server must answer."""

ALSA_CONFIGURATION = """
<{system}>
pcm.!default {{ type pulse }}
ctl.!default {{ type pulse }}
pcm.pulse {{ type pulse }}
ctl.pulse {{ type pulse }}
"""


def missing() -> str:
    """Return what a microphone test lacks on this machine, or nothing."""
    programs = [name for name in ("pulseaudio", "pactl", "paplay") if shutil.which(name) is None]
    plugins = list(Path("/usr").glob("lib*/**/alsa-lib/libasound_module_pcm_pulse.so"))
    return ", ".join(
        [
            *programs,
            *([] if find_library("portaudio") else ["PortAudio"]),
            *([] if plugins else ["ALSA's plugin for PulseAudio"]),
        ]
    )


def require_pulse() -> None:
    """Skip the test that calls this where a sound server cannot be had; fail it on CI, which must have one."""
    lacking = missing()
    if lacking and os.environ.get("CI") == "true":
        pytest.fail(f"CI must have what microphone tests need, but lacks {lacking}")
    if lacking:
        pytest.skip(f"microphone tests need {lacking}")


class PulseServer:
    """A running server."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.environment = environment
        self._command = command
        self._players: list[subprocess.Popen[bytes]] = []
        self._modules: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        """Run the server, again after `kill`, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTING_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.control("set-default-source", "loopback.monitor")
            except subprocess.SubprocessError:
                continue
            return
        self.kill()
        pytest.fail("PulseAudio did not start")

    def add_output(self, description: str, sink: str = "") -> None:
        """Add another output, a null sink with this name for people; `sink` is the server's, if not the same."""
        self._modules[description] = self.control(
            "load-module",
            "module-null-sink",
            f"sink_name={sink or description.replace(' ', '_')}",
            "rate=48000",
            "channels=2",
            "norewinds=1",
            f"sink_properties='device.description=\"{description}\"'",
        ).strip()

    def remove_output(self, description: str) -> None:
        """Take an output away, as when headphones are unplugged."""
        self.control("unload-module", self._modules.pop(description))

    def play(self, wav: Path, sink: str = "loopback") -> subprocess.Popen[bytes]:
        """Play a file into a sink; returns at once."""
        player = subprocess.Popen(
            ["paplay", f"--device={sink}", "--latency-msec=500", str(wav)],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._players.append(player)
        return player

    def control(self, *arguments: str) -> str:
        """Return what `pactl` prints."""
        return subprocess.run(
            ["pactl", *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=STARTING_LIMIT,
            check=True,
        ).stdout

    def recordings(self) -> int:
        """Return how many streams are recording: zero when every microphone has been let go of."""
        return len(self.control("list", "short", "source-outputs").splitlines())

    def kill(self) -> None:
        """End the server at once, as when it crashes. Idempotent."""
        for process in (*self._players, self._process):
            process.kill()
            process.wait()
        self._players.clear()


@contextmanager
def running_pulse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    """Run a server that keeps its files in `folder`, and lead this process and its children to it."""
    require_pulse()
    with tempfile.TemporaryDirectory(prefix="pulse-") as runtime:  # a socket's path must be short
        socket = Path(runtime) / "native"
        configuration = folder / "asound.conf"
        configuration.write_text(ALSA_CONFIGURATION.format(system="/usr/share/alsa/alsa.conf"))
        environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": runtime,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PULSE_RUNTIME_PATH": runtime,
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_COOKIE": str(folder / "cookie"),
            "ALSA_CONFIG_PATH": str(configuration),
        }
        command = [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--disable-shm",
            "--log-target=file:" + str(folder / "pulse.log"),
            f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}",
            "--load=module-null-sink sink_name=loopback rate=48000 channels=2 norewinds=1",
        ]
        server = PulseServer(command, environment)
        try:
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            yield server
        finally:
            server.kill()
