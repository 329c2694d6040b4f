"""The recogniser on this machine: a real process, started, heard, killed and outlived."""

import asyncio
import importlib.util
import os
import platform
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from captions.errors import RecognizerMissing, StreamError
from captions.recognition.local import LocalRecognizer
from captions.recognition.local_engines import LocalEngines
from captions.recognition.recognizer import RecognitionOptions
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.settings import SERVE_TOKEN_VARIABLE
from tests.recognition.streams import BLOCK, ENGLISH, all_of, hypotheses_of, noise, opened, texts_of
from tests.server.whisper_files import write_model

REPOSITORY = Path(__file__).parents[2]
CHILD = (sys.executable, "-m", "tests.recognition.child_server")

Make = Callable[..., LocalRecognizer]


@pytest.fixture
async def make(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Make recognisers whose process is the stand-in with these flags, and close them."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    made: list[LocalRecognizer] = []

    def make(*flags: str, start_seconds: float = 20.0, end_seconds: float = 3.0) -> LocalRecognizer:
        command = (*CHILD, *flags)
        made.append(LocalRecognizer(command=command, start_seconds=start_seconds, end_seconds=end_seconds))
        return made[-1]

    yield make
    for recognizer in made:
        await recognizer.aclose()


async def heard(recognizer: LocalRecognizer) -> tuple[int, int]:
    """Hold a stream of three blocks; return the process id and the number of blocks that the stand-in tells."""
    async with opened(recognizer) as stream:
        for _ in range(3):
            await stream.send(noise(BLOCK))
        await stream.half_close()
        process, blocks = (await all_of(stream))[-1].text.split()
    return int(process), int(blocks)


async def texts(recognizer: RemoteRecognizer) -> list[str]:
    """Hold a stream without audio; return what was heard."""
    async with opened(recognizer) as stream:
        await stream.half_close()
        return await texts_of(stream)


async def ended(process: psutil.Process) -> None:
    """Wait for the end of a process that need not be a child of ours."""
    await asyncio.to_thread(process.wait, 15)


def socket_of(process: psutil.Process) -> Path:
    flags = process.cmdline()
    return Path(flags[flags.index("--listen") + 1].removeprefix("unix:"))


async def test_it_is_started_when_first_needed_and_stays(make: Make) -> None:
    recognizer = make()
    assert not recognizer.languages
    process, blocks = await heard(recognizer)
    assert blocks == 3
    assert recognizer.languages == ("en-US", "xx-XX")
    assert (await heard(recognizer))[0] == process


async def test_prepared_early_by_several_at_once_it_is_started_once(make: Make) -> None:
    recognizer = make()
    await asyncio.gather(*(recognizer.prepare() for _ in range(5)))
    children = [child for child in psutil.Process().children() if "tests.recognition.child_server" in child.cmdline()]
    assert len(children) == 1
    assert (await heard(recognizer))[0] == children[0].pid


async def test_its_socket_is_private_and_goes_with_it(make: Make) -> None:
    recognizer = make()
    process = psutil.Process((await heard(recognizer))[0])
    folder = socket_of(process).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await recognizer.aclose()
    await recognizer.aclose()
    assert not process.is_running()
    assert not folder.exists()


async def test_it_knows_no_secrets_and_no_settings_of_ours(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "AQVN-secret")
    monkeypatch.setenv("IAM_TOKEN", "t1.secret")
    monkeypatch.setenv("CAPTIONS_LANGUAGE", "ru-RU")
    environment = psutil.Process((await heard(make()))[0]).environ()
    assert not {"API_KEY", "IAM_TOKEN", "CAPTIONS_LANGUAGE"} & set(environment)


async def test_ctrl_c_at_the_terminal_does_not_reach_it(make: Make) -> None:
    process = (await heard(make()))[0]
    assert os.getsid(process) == process != os.getsid(0)


async def test_one_that_died_is_started_again_at_the_next_stream(make: Make) -> None:
    recognizer = make()
    async with opened(recognizer) as stream:
        await stream.send(noise(BLOCK))
        hypotheses = hypotheses_of(stream)
        first = psutil.Process(int((await anext(hypotheses)).text.split()[0]))
        folder = socket_of(first).parent
        first.send_signal(signal.SIGKILL)
        with pytest.raises(StreamError, match="UNAVAILABLE"):
            await anext(hypotheses)
    await ended(first)
    second, blocks = await heard(recognizer)
    assert second != first.pid
    assert blocks == 3
    assert not folder.exists()


async def test_it_ends_when_we_are_killed(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # nobody is left to remove the socket's folder
    code = """
import asyncio, sys
from captions.recognition.local import LocalRecognizer
from captions.recognition.local_engines import LocalEngines
from captions.recognition.recognizer import RecognitionOptions

async def main():
    recognizer = LocalRecognizer(command=sys.argv[1:])
    await recognizer.prepare()
    print(recognizer._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *CHILD, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(await asyncio.wait_for(parent.stdout.readline(), 20)))
    assert child.is_running()
    parent.kill()
    await parent.wait()
    await ended(child)


async def test_one_that_does_not_end_when_told_is_killed(make: Make) -> None:
    recognizer = make("--deaf", end_seconds=0.2)
    process = psutil.Process((await heard(recognizer))[0])
    await recognizer.aclose()
    assert not process.is_running()


async def test_what_it_says_on_its_standard_error_never_blocks_it(make: Make) -> None:
    assert (await heard(make("--say", "noise " * 20_000)))[1] == 3


async def test_one_that_ends_while_starting_is_told_with_its_last_words(make: Make) -> None:
    recognizer = make("--say", "loading\nthe model is \x1b[31mbroken", "--die")
    with pytest.raises(RecognizerMissing, match=r"ended while it was starting: the model is \[31mbroken"):
        await recognizer.open(ENGLISH)


async def test_one_that_is_never_ready_is_given_up_in_time_and_leaves_nothing(make: Make) -> None:
    before = set(psutil.Process().children())
    with pytest.raises(RecognizerMissing, match=r"not ready within 0.3 s"):
        await make("--never-ready", start_seconds=0.3).prepare()
    assert set(psutil.Process().children()) == before


async def test_closing_while_it_starts_does_not_wait_for_it(make: Make, tmp_path: Path) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    recognizer = make("--never-ready", "--tell", str(fifo))
    starting = asyncio.create_task(recognizer.prepare())
    process = psutil.Process(int(await asyncio.to_thread(fifo.read_text)))
    await recognizer.aclose()
    with pytest.raises(RecognizerMissing, match="closed while it was starting"):
        await starting
    assert not process.is_running()


async def test_one_that_cannot_be_started_is_told() -> None:
    recognizer = LocalRecognizer(command=("/nowhere/captions",))
    with pytest.raises(RecognizerMissing, match="cannot be started: No such file or directory"):
        await recognizer.prepare()
    await recognizer.aclose()


async def test_where_no_socket_file_can_be_it_listens_on_loopback_and_asks_for_a_token(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    recognizer = make()
    process = psutil.Process((await heard(recognizer))[0])
    assert process.environ()[SERVE_TOKEN_VARIABLE] not in " ".join(process.cmdline())
    [listener] = [link for link in process.net_connections("tcp") if link.status == psutil.CONN_LISTEN]
    assert listener.laddr.ip.removeprefix("::ffff:") == "127.0.0.1"
    stranger = RemoteRecognizer(SPEECHKIT_V2, f"127.0.0.1:{listener.laddr.port}", tls=False)
    with pytest.raises(StreamError, match="UNAUTHENTICATED"):
        await texts(stranger)
    await stranger.aclose()


@pytest.mark.parametrize(
    ("system", "machine", "version", "advice"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), "pip install 'captions[local]'"),
        ("Linux", "x86_64", ("glibc", "2.31"), "does not run on this system"),
        ("Linux", "x86_64", ("", ""), "does not run on this system"),
        ("Linux", "riscv64", ("glibc", "2.40"), "does not run on this system"),
        ("Darwin", "arm64", "15.1", "pip install 'captions[local]'"),
        ("Darwin", "arm64", "14.7", "does not run on this system"),
        ("Darwin", "x86_64", "15.1", "does not run on this system"),
        ("Windows", "AMD64", "", "pip install 'captions[local]'"),
        ("FreeBSD", "amd64", "", "does not run on this system"),
    ],
)
async def test_a_missing_engine_is_told_with_what_to_do_on_this_system(
    system: str, machine: str, version: tuple[str, str] | str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: version)
    monkeypatch.setattr(platform, "mac_ver", lambda: (version, ("", "", ""), machine))
    recognizer = LocalRecognizer()
    with pytest.raises(RecognizerMissing) as caught:
        await recognizer.prepare()
    assert advice in str(caught.value)
    assert "--recognizer speechkit-v2" in str(caught.value)
    await recognizer.aclose()


async def test_when_a_model_has_come_another_process_has_it_and_what_the_first_hears_is_heard_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    installed = ("moonshine_voice", "faster_whisper")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in installed else None)
    recognizer = LocalRecognizer(LocalEngines(whisper_model=str(tmp_path / "model")), command=CHILD)
    russian = RecognitionOptions(language_code="ru-RU")
    try:
        # Two streams: a connection is closed with its last one, and what is on its way then may be lost with it.
        async with opened(recognizer) as longer, opened(recognizer) as english:
            await longer.send(noise(BLOCK))
            await anext(hypotheses_of(longer))
            await english.send(noise(BLOCK))
            hypotheses = hypotheses_of(english)
            first = psutil.Process(int((await anext(hypotheses)).text.split()[0]))
            with pytest.raises(RecognizerMissing, match="there is no such folder"):
                await recognizer.open(russian)
            write_model(tmp_path / "model")

            other = await recognizer.open(russian)
            await english.send(noise(BLOCK))
            await english.half_close()
            await other.half_close()

            blocks = [hypothesis async for hypothesis in hypotheses][-1].text.split()[1]
            second = psutil.Process(int((await all_of(other))[-1].text.split()[0]))
            flags = second.cmdline()
            await other.cancel()
        assert blocks == "2"
        assert first.pid != second.pid
        assert "--whisper-model" in flags
        await ended(first)
    finally:
        await recognizer.aclose()
