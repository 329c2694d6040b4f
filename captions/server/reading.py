"""The threads in which a model reads, shared by all streams: what somebody waits for goes before what may change."""

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class ReadingThreads:
    """`threads` threads that use a model. Their queue holds one piece of work per stream at most: a stream waits."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._waiting: list[tuple[bool, int, Callable[[], Any], Future[Any]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def call(self, work: Callable[[], Result], *, urgent: bool) -> Result:
        """Have `work` done and return or raise what it does. Raises RuntimeError after `close`."""
        future: Future[Result] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the engine is closed")
            heapq.heappush(self._waiting, (not urgent, next(self._order), work, future))
            self._changed.notify()
        return future.result()

    def close(self) -> None:
        """End the threads after what they are reading; what waits is given up. Idempotent."""
        with self._changed:
            self._closed = True
            for *_, future in self._waiting:
                future.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if not self._waiting:
                    return
                *_, work, future = heapq.heappop(self._waiting)
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)
