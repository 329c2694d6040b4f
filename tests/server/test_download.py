"""Downloads of models: the hub's real client against a hub of our own, which behaves and misbehaves."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from captions.errors import ExitCode, RecognizerMissing, StorageError
from captions.server.download import download
from captions.server.models import WEIGHTS, ModelFile, manifest, what_is_wrong
from tests.server.hub import Hub, small_model

pytest.importorskip("huggingface_hub", reason="needs the hub's client, of the extra whisper")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's, and no credentials for it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def hub(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has one model, of 3 MB."""
    with Hub(*small_model(tmp_path / "made")) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


class Told:
    """What was told of the progress."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self._awaited = 0
        self._reached = asyncio.Event()

    def __call__(self, done: int, total: int) -> None:
        self.places.append(done)
        self.total = total
        if done > self._awaited:
            self._reached.set()

    async def beyond(self, done: int) -> None:
        """Wait until more than so many bytes are there."""
        self._awaited = done
        await asyncio.wait_for(self._reached.wait(), 30.0)


def found(cache: Path, name: str) -> list[Path]:
    """What is in the cache under this name."""
    return list(cache.rglob(name))


def parts(cache: Path) -> list[Path]:
    """What was begun and is not whole."""
    return found(cache, "*.incomplete")


async def test_a_model_is_downloaded_with_its_progress(hub: Hub, cache: Path) -> None:
    told = Told()

    folder = await download(hub.model, told)

    assert folder.is_relative_to(cache)
    assert what_is_wrong(folder) == ""
    assert {name: (folder / name).read_bytes() for name in hub.files} == hub.files
    assert told.places == sorted(told.places)
    assert told.places[-1] == told.total == hub.model.size
    assert not parts(cache)


async def test_a_model_that_is_here_is_not_asked_for_again(hub: Hub) -> None:
    folder = await download(hub.model, Told())
    hub.requests.clear()

    assert await download(hub.model, Told()) == folder
    assert not hub.requests


async def test_a_connection_that_breaks_is_followed_by_one_that_goes_on_from_there(hub: Hub) -> None:
    hub.cuts = [1_000_000, 700_000]

    folder = await download(hub.model, Told())

    assert what_is_wrong(folder) == ""
    assert len(hub.bodies()) == 3
    assert 0 < hub.bodies()[1] <= 1_000_000 < hub.bodies()[2] <= 1_700_000


async def test_one_that_was_cancelled_goes_on_where_it_was(hub: Hub, cache: Path) -> None:
    hub.stops_after = 2_000_000
    told = Told()
    running = asyncio.create_task(download(hub.model, told))
    await told.beyond(1_000_000)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not children()
    hub.stops_after = None
    hub.go_on.set()
    folder = await download(hub.model, Told())

    assert what_is_wrong(folder) == ""
    assert hub.bodies()[1] > 1_000_000
    assert not parts(cache)


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "fetch_model" in " ".join(child.cmdline())]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_it_ends_with_the_program_that_started_it_and_leaves_no_broken_model(
    number: signal.Signals, hub: Hub, cache: Path
) -> None:
    hub.stops_after = 2_000_000
    code = f"""
import asyncio
from captions.server.download import download
from captions.server.models import manifest_of
asyncio.run(download(manifest_of({manifest(hub.model)!r}), lambda done, total: print(done, flush=True)))
"""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert program.stdout is not None
    while int(await program.stdout.readline()) < 1_000_000:
        pass
    (child,) = psutil.Process(program.pid).children()

    program.send_signal(number)
    await program.wait()
    await asyncio.to_thread(psutil.wait_procs, [child], 10)

    assert not child.is_running()
    assert not found(cache, WEIGHTS)
    hub.stops_after = None
    hub.go_on.set()
    assert what_is_wrong(await download(hub.model, Told())) == ""
    assert hub.bodies()[1] > 1_000_000


async def test_a_slow_hub_is_waited_for(hub: Hub) -> None:
    hub.stops_after = 1_500_000
    told = Told()
    running = asyncio.create_task(download(hub.model, told))
    await told.beyond(1_000_000)

    assert not running.done()
    hub.go_on.set()

    assert what_is_wrong(await running) == ""


async def test_two_downloads_of_one_model_do_not_disturb_each_other(hub: Hub) -> None:
    hub.stops_after = 1_000_000
    told = Told()
    first = asyncio.create_task(download(hub.model, told))
    await told.beyond(500_000)

    with pytest.raises(RecognizerMissing, match="downloading this model already"):
        await download(hub.model, Told())

    hub.go_on.set()
    assert what_is_wrong(await first) == ""


async def test_what_is_damaged_on_its_way_is_thrown_away(hub: Hub, cache: Path) -> None:
    whole = hub.files[WEIGHTS]
    hub.files[WEIGHTS] = whole[:1_000_000] + b"!" + whole[1_000_001:]

    with pytest.raises(RecognizerMissing, match="checksum is another"):
        await download(hub.model, Told())

    assert not found(cache, WEIGHTS)
    assert not parts(cache)
    hub.files[WEIGHTS] = whole
    assert what_is_wrong(await download(hub.model, Told())) == ""


async def test_a_small_file_that_is_another_is_thrown_away(hub: Hub) -> None:
    right = hub.files["config.json"]
    hub.files["config.json"] = b'{"other": 1}'

    with pytest.raises(RecognizerMissing, match="checksum is another"):
        await download(hub.model, Told())

    hub.files["config.json"] = right
    assert what_is_wrong(await download(hub.model, Told())) == ""


async def test_a_part_that_is_too_long_is_begun_anew(hub: Hub, cache: Path) -> None:
    blobs = hub.model.folder_in(cache) / "blobs"
    blobs.mkdir(parents=True)
    weights = hub.model.files[WEIGHTS]
    (blobs / f"{weights.sha256}.captions.incomplete").write_bytes(b"x" * (weights.size + 1))

    assert what_is_wrong(await download(hub.model, Told())) == ""
    assert hub.bodies() == [0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": 404}, r"does not have the model, or does not give it \(404\)"),
        ({"status": 401}, r"does not have the model, or does not give it \(401\)"),
        ({"status": 500}, "refused, with 500"),
        ({"etag": "0" * 64}, "has another file than the model base"),
    ],
)
async def test_it_says_in_a_sentence_why_the_hub_gave_nothing(change: dict[str, object], words: str, hub: Hub) -> None:
    vars(hub).update(change)

    with pytest.raises(RecognizerMissing, match=words) as raised:
        await download(hub.model, Told())

    assert raised.value.exit_code is ExitCode.UNREACHABLE


async def test_a_model_that_ends_too_early_is_thrown_away(hub: Hub, cache: Path) -> None:
    hub.ends_after = 1_000_000

    with pytest.raises(RecognizerMissing, match="What came is not the model base"):
        await download(hub.model, Told())

    assert not parts(cache)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"HF_ENDPOINT": "http://127.0.0.1:1"}, "127.0.0.1:1 cannot be reached: Connection refused"),
        ({"HF_ENDPOINT": "http://hub.invalid"}, "there is no address for the name hub.invalid"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE forbids it"),
    ],
)
async def test_without_a_network_one_sentence_says_so(
    variables: dict[str, str], words: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    model, _ = small_model(tmp_path / "made")

    with pytest.raises(RecognizerMissing, match=words) as raised:
        await download(model, Told())

    assert "\n" not in str(raised.value)


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of the processes that are started grow beyond this, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_fills_up_gets_its_room_back_and_is_told(hub: Hub, cache: Path) -> None:
    with files_of_at_most(1_000_000), pytest.raises(StorageError, match="cannot be written to") as raised:
        await download(hub.model, Told())

    assert raised.value.exit_code is ExitCode.STORAGE
    assert not parts(cache)
    assert what_is_wrong(await download(hub.model, Told())) == ""


async def test_a_disk_without_enough_room_is_told_before_anything_is_asked_for(hub: Hub, cache: Path) -> None:
    weights = hub.model.files[WEIGHTS]
    huge = replace(hub.model, files={**hub.model.files, WEIGHTS: ModelFile(10**16, weights.sha256)})

    with pytest.raises(StorageError, match="not enough room for the model base: 10000000050 MB are needed"):
        await download(huge, Told())

    assert not hub.requests


async def test_a_cache_that_cannot_be_written_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", f"{__file__}/cache")

    with pytest.raises(StorageError, match="cannot be written to"):
        await download(hub.model, Told())


async def test_credentials_of_the_hub_go_to_a_mirror_that_was_chosen_but_not_to_where_it_redirects(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    await download(hub.model, Told())

    assert {request.authorization for request in hub.requests if "/cdn/" in request.path} == {""}
    assert {request.authorization for request in hub.requests if "/cdn/" not in request.path} == {"Bearer hf_secret"}


async def test_our_own_secrets_do_not_reach_the_download(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    hub.stops_after = 1_000_000
    told = Told()
    running = asyncio.create_task(download(hub.model, told))
    await told.beyond(0)

    (child,) = children()
    assert "API_KEY" not in child.environ()

    hub.go_on.set()
    await running


async def test_without_the_client_of_the_hub_it_says_what_to_install(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "huggingface_hub.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'hidden'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    with pytest.raises(RecognizerMissing, match=r"pip install 'captions\[local,whisper\]'"):
        await download(hub.model, Told())
