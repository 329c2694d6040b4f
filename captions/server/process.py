"""The process of `captions serve`: from its start to its last final."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from captions.errors import ExitCode
from captions.server.engines import Engine
from captions.server.limits import Limits

GRACE_SECONDS = 5.0
"""How long open streams may take to finish when the process is told to end."""


def serve(listen: str, limits: Limits, *, token: str, tls: tuple[bytes, bytes] | None, until_stdin_closes: bool) -> int:
    """Serve until SIGTERM, Ctrl-C or the end of standard input. `tls` is key and certificate. Raises CaptionsError."""
    with ThreadPoolExecutor(1) as thread:
        engines = thread.submit(load_engines)  # while gRPC is imported
        return asyncio.run(_serve(listen, limits, token, tls, until_stdin_closes, engines))


def load_engines() -> Sequence[Engine]:
    """Load every engine that runs here; takes about half a second. Raises RecognizerMissing where there is none."""
    from captions.server.moonshine import MoonshineEngine

    return (MoonshineEngine(),)


async def _serve(
    listen: str,
    limits: Limits,
    token: str,
    tls: tuple[bytes, bytes] | None,
    until_stdin_closes: bool,
    loading: Future[Sequence[Engine]],
) -> int:
    from captions.server.serving import SttServer

    told_to_end = asyncio.Event()
    _end_on_signals(told_to_end)
    if until_stdin_closes:
        _end_with_stdin(told_to_end)
    engines = await asyncio.wrap_future(loading)
    try:
        server = SttServer(engines, limits, token=token, tls=tls)
        address = await server.start(listen)
        languages = ",".join(code for engine in engines for code in engine.languages)
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
