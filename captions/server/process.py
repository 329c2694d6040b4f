"""The process of `captions serve`: from its start to its last final."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from captions.errors import ExitCode, RecognizerMissing
from captions.server.engines import Engine
from captions.server.limits import Limits

if TYPE_CHECKING:
    from captions.server.whisper import WhisperEngine

USUAL_MODEL = "base"
"""The Whisper model that is served where none is asked for."""
GRACE_SECONDS = 5.0
"""How long open streams may take to finish when the process is told to end."""


def serve(
    listen: str,
    limits: Limits,
    *,
    engine: str = "auto",
    whisper_model: str = "",
    token: str,
    tls: tuple[bytes, bytes] | None,
    until_stdin_closes: bool,
) -> int:
    """Serve until SIGTERM, Ctrl-C or the end of standard input. `tls` is key and certificate. Raises CaptionsError.

    `engine` and `whisper_model`: see load_engines.
    """
    # Numpy's threads turn idle for longer than the little that is asked of them takes. Read when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ThreadPoolExecutor(1) as thread:
        engines = thread.submit(load_engines, engine, whisper_model)  # while gRPC is imported
        return asyncio.run(_serve(listen, limits, token, tls, until_stdin_closes, engines))


def load_engines(engine: str = "auto", whisper_model: str = "") -> Sequence[Engine]:
    """Return the engines to serve, the one for English first; takes about half a second.

    "auto" is moonshine for English and whisper for all else, as far as they are there; whisper then loads its model
    for its first stream. `whisper_model` is a name or a folder (models.find_model), empty for the usual one.

    Raises RecognizerMissing where there is none, or not the one or the model that was asked for.
    """
    if engine == "whisper":
        chosen = _whisper(whisper_model)
        chosen.load()
        return (chosen,)
    if engine == "moonshine":
        return (_moonshine(),)
    others: list[Engine] = []
    try:
        others.append(_whisper(whisper_model))
    except RecognizerMissing:
        if whisper_model:
            raise
    try:
        return (_moonshine(), *others)
    except RecognizerMissing:
        if not others:
            raise
        return others


def _moonshine() -> Engine:
    from captions.server.moonshine import MoonshineEngine

    return MoonshineEngine()


def _whisper(name_or_folder: str) -> "WhisperEngine":
    from captions.server.models import MODELS, find_model, given_folder

    model = name_or_folder or USUAL_MODEL
    folder = find_model(model)
    if folder is None and model in MODELS:
        raise RecognizerMissing(
            f"The Whisper model {model} is not on this machine.",
            f"Get it with: captions models add {model}. Or give a folder that holds one, with --whisper-model.",
        )
    from captions.server.whisper import WhisperEngine

    return WhisperEngine(given_folder(model) if folder is None else folder)


async def _serve(
    listen: str,
    limits: Limits,
    token: str,
    tls: tuple[bytes, bytes] | None,
    until_stdin_closes: bool,
    loading: Future[Sequence[Engine]],
) -> int:
    from captions.server.serving import SttServer
    from captions.server.specification import served

    told_to_end = asyncio.Event()
    _end_on_signals(told_to_end)
    if until_stdin_closes:
        _end_with_stdin(told_to_end)
    engines = await asyncio.wrap_future(loading)
    try:
        server = SttServer(engines, limits, token=token, tls=tls)
        address = await server.start(listen)
        languages = ",".join(served(engines))
        with contextlib.suppress(OSError):  # nobody reads it: serve all the same
            print(f"listening on {address}, languages {languages}", flush=True)
        await told_to_end.wait()
        await server.stop(GRACE_SECONDS)
    finally:
        for engine in engines:
            engine.close()
    return ExitCode.OK


def _end_on_signals(event: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, event.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))


def _end_with_stdin(event: asyncio.Event) -> None:
    """Read standard input to its end, in a thread: it ends when whoever holds the other end is gone."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(event.set)

    threading.Thread(target=wait, name="stdin", daemon=True).start()
