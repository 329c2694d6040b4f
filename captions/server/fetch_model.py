"""Fetches a model from the hub, in a process of its own: `python -m captions.server.fetch_model`.

A line of JSON on standard input says which (`download` starts this). Standard output gets lines of JSON: {"done": N}
now and then, in bytes, and in the end {"folder": PATH}, or {"error": MESSAGE, "hint": HINT, "code": EXIT CODE}. It ends
when standard input does, and may be killed at any time: what is not whole lies beside where it belongs, and the next
download goes on from there.

The hub's own client speaks to the hub and lays out its cache. It cannot go on with a file whose process has ended, so
the weights, nearly all of the bytes, are put in the place where it looks for them first, with its function for the
body of one file.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from captions.errors import CaptionsError, ExitCode, RecognizerMissing, StorageError
from captions.plain_text import plain
from captions.server.models import WEIGHTS, Model, hub_cache, manifest_of, megabytes, what_is_wrong

TELL_SECONDS = 0.2
"""How often progress is told at most."""
CHUNK_BYTES = 1 << 18
"""How much is written at a time. The client's own 10 MiB are a minute on a slow link, and lost when it breaks."""
ROOM_BYTES = 50_000_000
"""What must stay free on the disk beside the model: the journal is written there too."""
TRIES = 5
"""How many attempts in a row may bring nothing before a download that has begun is given up."""
FIRST_WAIT = 1.0
"""Seconds before the second of them; twice as many before each further one."""
HUB = "https://huggingface.co"

Told = Callable[[int], None]


def fetch(model: Model, told: Told) -> Path:
    """Have the model in the hub's cache, and return its folder. `told` is called with the bytes that are there.

    Raises StorageError, and RecognizerMissing where the hub cannot be reached or does not give it.
    """
    cache = hub_cache()
    storage = model.folder_in(cache)
    folder = storage / "snapshots" / model.revision
    if not what_is_wrong(folder):
        return folder
    weights = model.files[WEIGHTS]
    try:
        with _sole(cache / ".locks" / storage.name / f"{weights.sha256}.lock"):
            _fetch_weights(model, storage / "blobs", told)
        done = weights.size
        for name, file in model.files.items():
            if _sha256(_with_the_client(model, name, cache)) != file.sha256:
                (folder / name).resolve().unlink()
                raise _damaged(model)
            done += file.size if name != WEIGHTS else 0
            told(done)
    except OSError as error:
        if _is_of_the_network(error):
            raise explained(error) from None
        raise _not_written(error, cache) from None
    except CaptionsError:
        raise
    except Exception as error:  # whatever the client raises, in whichever of its releases
        raise explained(error) from None
    if wrong := what_is_wrong(folder):
        raise RecognizerMissing(f"The model {model.name} was downloaded, but cannot be used: {wrong}.")
    return folder


@contextlib.contextmanager
def _sole(path: Path) -> Iterator[None]:
    """Hold the lock by which the hub's clients keep from fetching a file twice."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RecognizerMissing("Another program is downloading this model already.", "Wait for it to end.") from None
    try:
        yield
    finally:
        lock.release()


def _with_the_client(model: Model, name: str, cache: Path) -> Path:
    """Have the hub's client lay out a file in its cache: what is there already is not fetched again."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(model.repository, name, revision=model.revision, cache_dir=cache, token=_token()))


def _fetch_weights(model: Model, blobs: Path, told: Told) -> None:
    weights = model.files[WEIGHTS]
    blob, part = blobs / weights.sha256, blobs / f"{weights.sha256}.captions.incomplete"
    if blob.exists():
        if _sha256(blob) == weights.sha256:
            return
        blob.unlink()
    blobs.mkdir(parents=True, exist_ok=True)
    if _size(part) > weights.size:
        part.unlink()
    _check_room(model, blobs, _size(part))
    _try_often(model, part, told)
    if _sha256(part) != weights.sha256:
        part.unlink()
        raise _damaged(model)
    part.replace(blob)


def _check_room(model: Model, folder: Path, begun: int) -> None:
    free, needed = shutil.disk_usage(folder).free, model.size - begun + ROOM_BYTES
    if free < needed:
        raise StorageError(
            f"There is not enough room for the model {model.name}: {megabytes(needed)} are needed in "
            f"{plain(str(folder.parents[1]))}, and {megabytes(free)} are free.",
            "Make room, or set HF_HOME to a folder on another disk.",
        )


def _try_often(model: Model, part: Path, told: Told) -> None:
    """Get the rest of the weights, by one connection after another as long as one in a few brings something.

    Where the first brings nothing there is most likely no network, and a person waits: then it is the only one.
    """
    begun, in_vain = _size(part), 0
    while True:
        before = _size(part)
        try:
            _fetch_rest(model, part, told)
            return
        except CaptionsError:
            raise
        except Exception as error:
            if _answer(error) == 416:  # there is nothing behind what has come
                part.unlink()
                raise _damaged(model) from None
            in_vain = 1 if _size(part) > before else in_vain + 1
            in_vain = TRIES if _size(part) == begun else in_vain
            if in_vain >= TRIES or _answer(error) or not _is_of_the_network(error):
                raise
        time.sleep(FIRST_WAIT * 2 ** (in_vain - 1))


def _fetch_rest(model: Model, part: Path, told: Told) -> None:
    """Get what is missing of the weights by one connection. Raises what the client does, and StorageError."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get

    weights = model.files[WEIGHTS]
    url = hf_hub_url(model.repository, WEIGHTS, revision=model.revision)
    found = get_hf_file_metadata(url, token=_token())
    if found.etag != weights.sha256 or found.size not in (None, weights.size):
        raise RecognizerMissing(
            f"The hub at {_hub()} has another file than the model {model.name}.",
            "If HF_ENDPOINT names a mirror, try without it.",
        )
    begun = _size(part)
    with part.open("ab") as file:
        counted = _Counted(file, told)
        # Without credentials: the address is that of another server, and signed.
        http_get(found.location, cast(Any, counted), resume_size=begun, expected_size=weights.size)


class _Counted:
    """A file that tells how long it is, and says of an error that it is the disk's."""

    def __init__(self, file: BinaryIO, told: Told) -> None:
        self._file = file
        self._told = told
        self.seek, self.tell = file.seek, file.tell
        told(file.tell())

    def write(self, data: bytes) -> int:
        try:
            count = self._file.write(data)
            self._file.flush()
        except OSError as error:
            path = Path(self._file.name)
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                # The room is needed for other things, such as the journal.
                with contextlib.suppress(OSError):
                    os.truncate(path, 0)
                path.unlink(missing_ok=True)
            raise _not_written(error, path.parents[2]) from None
        self._told(self._file.tell())
        return count

    def truncate(self) -> int:
        return self._file.truncate()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _token() -> bool | None:
    """The models are public, and a token that has run out would be refused; a mirror of one's own may ask for it."""
    return None if os.environ.get("HF_ENDPOINT") else False


def _hub() -> str:
    return plain(urlsplit(os.environ.get("HF_ENDPOINT") or HUB).netloc.rpartition("@")[2])


# What went wrong, in words


def _damaged(model: Model) -> RecognizerMissing:
    return RecognizerMissing(
        f"What came is not the model {model.name}: its checksum is another, so it was thrown away.",
        "Try again, or over another network.",
    )


def _not_written(error: OSError, cache: Path) -> StorageError:
    reason = plain(error.strerror or str(error))
    return StorageError(
        f"The model cannot be written to {plain(str(cache))}: {reason}.",
        "Make room there, or set HF_HOME to another folder.",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came of."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        following = following.__cause__ or following.__context__


def _answer(error: BaseException) -> int:
    """Return the status of HTTP with which the hub refused, 0 where it did not."""
    for each in _chain(error):
        if (status := getattr(getattr(each, "response", None), "status_code", None)) is not None:
            return int(status)
    return 0


def _is_of_the_network(error: BaseException) -> bool:
    """Whether it is no error of a file here: those have a number, and come of no other error."""
    if not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError):
        return True
    return error.errno is None or isinstance(error, socket.gaierror) or bool(_answer(error))


def explained(error: BaseException) -> RecognizerMissing:
    """Return in a sentence why the hub did not give a file."""
    hub, status = _hub(), _answer(error)
    names = {type(each).__name__ for each in _chain(error)}
    if "OfflineModeIsEnabled" in names:
        return RecognizerMissing(
            "Models cannot be downloaded: HF_HUB_OFFLINE forbids it.", "Unset it, or name a folder by whisper_model."
        )
    again = "Try again later: what has come is kept."
    if status in (401, 403, 404):
        return RecognizerMissing(f"The hub at {hub} does not have the model, or does not give it ({status}).")
    if status:
        return RecognizerMissing(f"The hub at {hub} refused, with {status}.", again)
    if any(isinstance(each, socket.gaierror) for each in _chain(error)):
        return RecognizerMissing(
            f"The hub cannot be reached: there is no address for the name {hub}.", "Is there a network?"
        )
    reason = next((each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror), "")
    if not reason:
        words = " ".join(str(error).split("\n", 1)[0].split()) or type(error).__name__
        reason = "it does not answer" if any("Timeout" in name for name in names) else words.rstrip(".")
    return RecognizerMissing(f"The hub at {hub} cannot be reached: {plain(reason)}.", again)


# The process


class _Teller:
    """Tells the newest progress in a thread, at most every `TELL_SECONDS`, so that the last before a stall is told."""

    def __init__(self) -> None:
        self._done = -1
        self._told = -1
        threading.Thread(target=self._run, daemon=True).start()

    def __call__(self, done: int) -> None:
        self._done = done

    def _run(self) -> None:
        while True:
            self.tell()
            time.sleep(TELL_SECONDS)

    def tell(self) -> None:
        """Tell it now, if it is news."""
        if (done := self._done) > self._told:
            self._told = done
            _say({"done": done})


_saying = threading.Lock()


def _say(record: dict[str, Any]) -> None:
    with _saying:
        print(json.dumps(record), flush=True)


def _end_with_stdin() -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    os._exit(ExitCode.INTERRUPTED)


def main() -> int:
    """Fetch the model that standard input says, and return the exit code."""
    model = manifest_of(json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    # Set before the client is imported, which reads them then.
    os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}
    try:
        try:
            from huggingface_hub import constants
        except ImportError:
            raise RecognizerMissing(
                "The client of the hub is not installed.", "Install it with: pip install 'captions[local,whisper]'."
            ) from None
        constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
        teller = _Teller()
        folder = fetch(model, teller)
        teller.tell()
        _say({"folder": str(folder)})
        return ExitCode.OK
    except CaptionsError as error:
        _say({"error": error.message, "hint": error.hint, "code": int(error.exit_code)})
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
