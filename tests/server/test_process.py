"""`captions serve` as a process: how it begins, what it asks for, and how it ends."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import psutil
import pytest
import trustme

from captions.errors import ExitCode
from captions.server.engines import Engine
from tests.server.clients import Client, config, messages, seconds, words

pytestmark = pytest.mark.usefixtures("engine")  # skips where no engine is installed
PROJECT = Path(__file__).parents[2]
ENOUGH_SECONDS = 30.0


@asynccontextmanager
async def process(*flags: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start `captions serve`; kill it in the end."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "captions", "serve", *flags),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=PROJECT,
        env=os.environ | environment,
    )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.communicate()


async def ready(started: asyncio.subprocess.Process) -> str:
    """Wait for the line that says where it listens, and return the address."""
    assert started.stdout is not None
    line = await asyncio.wait_for(started.stdout.readline(), ENOUGH_SECONDS)
    match = re.fullmatch(rb"listening on (\S+), languages en-US\n", line)
    assert match, line
    return match[1].decode()


async def ends(started: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Wait for its end; return the exit code and what it said on standard output and error."""
    out, err = await asyncio.wait_for(started.communicate(), ENOUGH_SECONDS)
    assert started.returncode is not None
    return started.returncode, out.decode(), err.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_gives_open_streams_their_finals(number: int) -> None:
    async with process("--listen", "127.0.0.1:0") as started:
        client = Client(await ready(started))
        stream = client.open()
        await stream.send(config(), *messages(seconds(0, 4.3)))
        while len(words((await stream.next()).alternatives[0].text)) < 8:
            pass
        started.send_signal(number)
        answer = await stream.end()
        await client.aclose()
        assert words(answer.text)[:10] == ["it", "was", "the", "best", "of", "times", "it", "was", "the", "worst"]
        assert answer.finals[-1].end_of_utterance
        assert (answer.code, answer.details) == (grpc.StatusCode.UNAVAILABLE, "The recogniser is shutting down")
        assert await ends(started) == (0, "", "")


async def test_it_listens_at_a_socket_file_and_ends_with_its_standard_input(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 's'}"
    async with process("--listen", address, "--until-stdin-closes", "--unlimited") as started:
        assert await ready(started) == address
        client = Client(address)
        answer_stream = client.open()
        await answer_stream.send(config(), *messages(seconds(0, 3)))
        await answer_stream.half_close()
        assert words((await answer_stream.end()).text)[:3] == ["it", "was", "the"]
        await client.aclose()
        assert started.stdin is not None
        started.stdin.close()
        assert await ends(started) == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
async def test_it_dies_with_a_parent_that_is_killed() -> None:
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'captions', 'serve', '--listen', '127.0.0.1:0',"
        " '--until-stdin-closes'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(60)\n"
    )
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=subprocess.PIPE, cwd=PROJECT)
    assert started.stdout is not None
    child = psutil.Process(int(await asyncio.wait_for(started.stdout.readline(), ENOUGH_SECONDS)))
    started.kill()
    await started.wait()
    await asyncio.to_thread(psutil.wait_procs, [child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_it_costs_nothing_while_nobody_speaks() -> None:
    async with process("--listen", "127.0.0.1:0") as started:
        await ready(started)
        running = psutil.Process(started.pid)
        before = sum(running.cpu_times()[:2])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), 2)  # two seconds in which nothing happens
        assert sum(running.cpu_times()[:2]) - before < 0.1


async def test_the_token_is_taken_from_the_environment(tmp_path: Path) -> None:
    async with process("--listen", "127.0.0.1:0", CAPTIONS_SERVE_TOKEN="from-the-environment") as started:
        client = Client(await ready(started))
        assert (await client.recognize([config()])).code is grpc.StatusCode.UNAUTHENTICATED
        assert (await client.recognize([config()], "Bearer from-the-environment")).code is grpc.StatusCode.OK
        await client.aclose()


async def test_tls_and_a_token_from_files_and_limits_from_flags(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "token").write_text("from-a-file\n")
    files = ("--tls-certificate", "certificate.pem", "--tls-key", "key.pem", "--token-file", "token")
    paths = [flag if flag.startswith("--") else str(tmp_path / flag) for flag in files]
    async with process(
        "--listen", "127.0.0.1:0", "--limit-idle", "0.3", "--idle-status", "INTERNAL", *paths
    ) as started:
        port = (await ready(started)).rpartition(":")[2]
        client = Client(f"localhost:{port}", grpc.ssl_channel_credentials(authority.cert_pem.bytes()))
        stream = client.open("Api-Key from-a-file")
        await stream.send(config())
        assert (await stream.end()).code is grpc.StatusCode.INTERNAL
        await client.aclose()


async def test_an_address_in_use_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with process("--listen", address) as started:
            code, out, err = await ends(started)
    assert (code, out) == (ExitCode.UNREACHABLE, "")
    assert err.startswith(f"captions: The recogniser cannot listen on {address}.")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--tls-key", "{tmp}/key.pem"], "--tls-certificate"),
        (["--tls-key", "{tmp}/nowhere", "--tls-certificate", "{tmp}/nowhere"], "cannot be read"),
        (["--tls-key", "{tmp}/rubbish", "--tls-certificate", "{tmp}/rubbish"], "must be PEM"),
        (["--token-file", "{tmp}/nowhere"], "cannot be read"),
        (["--token-file", "{tmp}/empty"], "is empty"),
    ],
)
async def test_a_certificate_or_token_that_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, flags: list[str], says: str
) -> None:
    (tmp_path / "rubbish").write_text("not a certificate")
    (tmp_path / "empty").write_text("\n")
    async with process("--listen", "127.0.0.1:0", *(flag.format(tmp=tmp_path) for flag in flags)) as started:
        code, out, err = await ends(started)
    assert (code, out) == (ExitCode.CREDENTIALS, "")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("flags", [["--limit-idle", "-1"], ["--limit-bytes", "ten"], ["--idle-status", "LATE"]])
async def test_a_limit_that_is_none_is_told_in_a_sentence(flags: list[str]) -> None:
    async with process(*flags) as started:
        code, out, err = await ends(started)
    assert (code, out) == (ExitCode.USAGE, "")
    assert flags[0] in err
    assert err.count("\n") == 1


async def test_without_the_engine_it_says_how_to_get_it(tmp_path: Path, engine: Engine) -> None:
    # A package of that name that cannot be imported stands for one that is not there.
    (tmp_path / "moonshine_voice").mkdir()
    (tmp_path / "moonshine_voice" / "__init__.py").write_text("raise ImportError('no such package')")
    async with process("--listen", "127.0.0.1:0", PYTHONPATH=str(tmp_path)) as started:
        code, out, err = await ends(started)
    assert (code, out) == (ExitCode.UNREACHABLE, "")
    assert "pip install 'captions[local]'" in err
    assert err.count("\n") == 1


def test_its_flags_are_known_without_loading_grpc_numpy_or_the_engine() -> None:
    code = (
        "import argparse, sys; from captions.server.command import add_arguments;"
        "add_arguments(argparse.ArgumentParser());"
        "print(sorted({'grpc', 'numpy', 'av', 'moonshine_voice'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout == "[]\n"
