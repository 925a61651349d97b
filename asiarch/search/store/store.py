"""A store's parts over one connection."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from asiarch.search.store.blobs import Blobs
from asiarch.search.store.budgets import Budgets
from asiarch.search.store.claims import Claims
from asiarch.search.store.connection import Connection
from asiarch.search.store.events import Clock, Events
from asiarch.search.store.jobs import Jobs
from asiarch.search.store.knowledge import Knowledge
from asiarch.search.store.lease import Retries
from asiarch.search.store.queue import Queue
from asiarch.search.store.runs import Runs


class Store:
    """An open store; made when there is no file. It belongs to the thread that opened it.

    `timeout` is how long a write waits for other processes, in seconds; `clock` gives seconds
    since 1970 (tests turn it).

    Raises StoreError, in one of its kinds, when the file cannot be used.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        retries: Retries | None = None,
        timeout: float = 60.0,
        create: bool = True,
        clock: Clock = time.time,
    ) -> None:
        self.path = Path(path)
        self.db = Connection(self.path, timeout=timeout, create=create)
        self.events = Events(self.db, clock)
        self.blobs = Blobs(self.db)
        self.runs = Runs(self.db, self.events)
        self.budgets = Budgets(self.db, self.events)
        queue = Queue(self.db, self.events, self.blobs, self.budgets, retries or Retries())
        self.jobs = Jobs(self.db, self.events, self.blobs, self.budgets, queue)
        self.knowledge = Knowledge(self.db, self.events, self.blobs)
        self.claims = Claims(self.db, self.events, self.runs)

    def transaction(self) -> AbstractContextManager[None]:
        """Everything that is written inside is written, or nothing of it."""
        return self.db.transaction()

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        self.db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
