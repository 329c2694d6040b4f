"""Opening a stream with a recogniser that may take long to get ready, or that another may take over from meanwhile."""

import asyncio
from collections.abc import Callable

from captions.recognition.listening import Listening
from captions.recognition.recognizer import RecognitionOptions, RecognitionStream

SLOW_SECONDS = 1.0
"""A recogniser that is not ready after so long is said to be getting ready."""

Opened = tuple[RecognitionStream, RecognitionOptions]


async def open_stream(
    listening: Listening,
    rate: int,
    *,
    now: Callable[[], Listening],
    changed: Callable[[], asyncio.Event],
    slow: Callable[[], None],
) -> Opened | None:
    """Open a stream of audio at `rate`; None when another recogniser took over before there was one.

    A recogniser may take long to get ready, or not be there at all: whoever takes over need not wait for that. `now`
    is how the session listens now, `changed` is set when that is something else. `slow` is called again and again while
    it takes long. Raises what `open` of the recogniser does.
    """
    recognizer = listening.recognizer

    async def get() -> Opened:
        await recognizer.prepare()
        options = listening.options_at(rate)
        return await recognizer.open(options), options

    getting = asyncio.create_task(get())
    try:
        while not getting.done() and now().recognizer is recognizer:
            change = asyncio.create_task(changed().wait())
            await asyncio.wait({getting, change}, timeout=SLOW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
            if not getting.done() and now().recognizer is recognizer:
                slow()
        if now().recognizer is not recognizer and (not getting.done() or getting.exception() is not None):
            return None
        return getting.result()
    except asyncio.CancelledError:
        if getting.done() and getting.exception() is None:
            await getting.result()[0].cancel()
        raise
    finally:
        getting.cancel()
        await asyncio.wait({getting})
