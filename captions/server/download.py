"""Downloads a model of the engine whisper in a process of its own, which can be ended at any moment without harm."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import captions
from captions.errors import ExitCode, RecognizerMissing, StorageError
from captions.plain_text import plain
from captions.server.environment import without_ours
from captions.server.models import Model, manifest

END_SECONDS = 2.0
"""How long the process may take to end when its input does."""

Told = Callable[[int, int], None]


async def download(model: Model, told: Told) -> Path:
    """Have a model in the hub's cache, and return its folder. Cancelled, it ends the download first.

    `told` is called on the event loop with the bytes that are there and those of the whole, a few times a second. What
    has come by an earlier download, broken off or cancelled, is not fetched again. Nothing is asked here: whoever calls
    this has said the size and got leave. Raises RecognizerMissing, and StorageError where it cannot be written.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "captions.server.fetch_model",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=without_ours(),
        # Where this very package is found first, whatever lies in the folder that the user is in.
        cwd=Path(captions.__file__).parents[1],
        start_new_session=True,  # Ctrl-C at the terminal reaches it only through us
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(json.dumps(manifest(model)).encode() + b"\n")
        while line := await process.stdout.readline():
            match json.loads(line):
                case {"done": int(done)}:
                    told(done, model.size)
                case {"folder": str(folder)}:
                    return Path(folder)
                case {"error": str(message), "hint": str(hint), "code": code}:
                    kind = StorageError if code == ExitCode.STORAGE else RecognizerMissing
                    raise kind(plain(message), plain(hint))
        said = [line for line in (await errors).decode(errors="replace").splitlines() if line.strip()]
        raise RecognizerMissing(
            f"The download of the model {model.name} ended without a word: {plain(said[-1]) if said else 'killed'}."
        )
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS)
        if process.returncode is None:
            process.kill()
            await process.wait()
        errors.cancel()
        await asyncio.gather(errors, return_exceptions=True)
