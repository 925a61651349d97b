"""A worker in a thread of its own, while the caller proposes: jobs run as soon as they are asked
for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from asiarch.search.executor.protocol import Executor
from asiarch.search.executor.worker import POLL, Worker
from asiarch.search.store import Store


class Background:
    """A worker on a store's file, from the beginning of a `with` to its end.

    `make` gives the executor; it is made, used and closed in the thread. `check` raises what the
    worker died of; so does the end of the `with` when nothing else was raised. What still runs
    then is given back to the queue: `wait` for what must be done.
    """

    def __init__(self, path: Path, make: Callable[[], Executor], *, run: str | None = None) -> None:
        self._path, self._make, self._run = path, make, run
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="asiarch worker", daemon=True)

    def check(self) -> None:
        """Raises what ended the worker, if anything did."""
        if self._error is not None:
            raise self._error

    def wait(self, store: Store, keys: list[str]) -> None:
        """Waits until jobs have an outcome, in the caller's own store. Raises as `check`."""
        while len(store.jobs.outcomes(keys)) < len(set(keys)):
            self.check()
            self._stop.wait(POLL)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        if error is None:
            self.check()

    def _work(self) -> None:
        try:
            with Store(self._path, create=False) as store:
                executor = self._make()
                try:
                    Worker(store, executor, run=self._run).serve(self._stop.is_set)
                finally:
                    executor.close()
        except BaseException as error:
            self._error = error
