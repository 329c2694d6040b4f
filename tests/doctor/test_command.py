"""`captions doctor` as it is typed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from captions.errors import ExitCode
from tests.local_engine import require_local_engine
from tests.scripted_server import ScriptedServer, ServedStream

SECRET = "AQVN-secret-of-a-test"
NAMES = [
    "python", "packages", "settings", "journal", "sessions", "log", "terminal", "colours", "text", "link",
    "multiplexer", "portaudio", "sound-server", "microphones", "monitors", "local", "credentials", "endpoint",
    "service",
]  # fmt: skip


def doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "captions", "doctor", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    report = json.loads(done.stdout)
    return {check["name"]: check["verdict"] for check in report["checks"]}


def test_all_is_looked_at_within_a_few_seconds() -> None:
    require_local_engine()
    began = time.monotonic()
    done = doctor("--json")
    assert time.monotonic() - began < 15
    assert not done.stderr
    found = verdicts(done)
    assert list(found) == NAMES
    assert found["python"] == found["packages"] == found["settings"] == found["local"] == "good"
    assert done.returncode == (ExitCode.FOUND_PROBLEM if "problem" in found.values() else ExitCode.OK)


def test_a_problem_is_exit_code_8_and_the_rest_is_looked_at_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('langauge = "ru-RU"\n')
    done = doctor("--settings", str(file), NO_COLOR="1", COLUMNS="100")
    assert done.returncode == 8
    assert "✗ problem      Settings" in done.stdout
    assert "Did you mean language?" in done.stdout
    assert "good         Python" in done.stdout
    assert "\x1b" not in done.stdout


def test_it_needs_nothing_heavy_to_tell_what_is_broken(tmp_path: Path) -> None:
    for module in ("numpy", "grpc", "av", "textual", "sounddevice", "rich"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('broken')")
    done = doctor("--json", PYTHONPATH=str(tmp_path))
    found = verdicts(done)
    assert (found["packages"], found["portaudio"], found["local"]) == ("problem", "problem", "not checked")
    assert (done.returncode, done.stderr) == (8, "")


async def test_a_stream_is_announced_before_it_is_opened_and_no_secret_is_shown() -> None:
    async def hear_all(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()

    async with ScriptedServer(hear_all, authorization=f"Api-Key {SECRET}") as server:
        import asyncio

        words = ("--json", "--connect", "--endpoint", server.target, "--no-tls")
        done = await asyncio.to_thread(doctor, *words, API_KEY=SECRET)
        assert verdicts(done)["service"] == "good", done.stdout
        assert done.stderr == f"captions: one stream is opened at {server.target}, whose price is not known.\n"
        assert SECRET not in done.stdout + done.stderr
        assert len(server.streams) == 1


@pytest.mark.parametrize("words", [("--listen", "x"), ("--listen", "0"), ("--listen", "100"), ("--speak",)])
def test_wrong_usage_is_told_in_a_sentence(words: tuple[str, ...]) -> None:
    done = doctor(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_in_the_background_of_a_shell_it_is_not_stopped() -> None:
    """A job in the background that asks its terminal is stopped by the system."""
    require = "set -m; {} -m captions doctor --json > {} & wait $!; echo ended"
    output = Path(os.environ["XDG_STATE_HOME"]) / "doctor.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    import pty

    child, descriptor = pty.fork()
    if child == 0:
        os.execvp("bash", ["bash", "-c", require.format(sys.executable, output)])
    written, deadline = b"", time.monotonic() + 30
    while b"ended" not in written and time.monotonic() < deadline:
        try:
            written += os.read(descriptor, 4096)
        except OSError:
            break
    os.close(descriptor)
    os.waitpid(child, 0)
    assert b"ended" in written
    report = json.loads(output.read_text())
    assert {check["name"]: check["verdict"] for check in report["checks"]}["terminal"] != "problem"
