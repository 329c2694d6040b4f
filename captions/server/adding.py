"""Having a model downloaded while a session goes on, told by events."""

import asyncio
from collections.abc import Callable

from captions.errors import CaptionsError
from captions.events import ModelEnded, ModelProgress
from captions.server.download import download
from captions.server.models import MODELS


class Adding:
    """One download at a time. Made and used on one event loop, on which `emit` and `added` are called."""

    def __init__(self, emit: Callable[[ModelProgress | ModelEnded], None], added: Callable[[], None]) -> None:
        self._emit = emit
        self._added = added
        self._task: asyncio.Task[None] | None = None

    def begin(self, name: str) -> None:
        """Begin to download a model of `models.MODELS`, unless one is being downloaded. A person has agreed to it."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(name))

    async def cancel(self) -> None:
        """End the download, if there is one; what has come is kept for the next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, name: str) -> None:
        try:
            await download(MODELS[name], lambda done, total: self._emit(ModelProgress(name, done, total)))
        except CaptionsError as error:
            self._emit(ModelEnded(name, error.message, error.hint))
        except asyncio.CancelledError:
            self._emit(ModelEnded(name, "The download was cancelled; what has come is kept."))
            raise
        else:
            self._emit(ModelEnded(name))
            self._added()
