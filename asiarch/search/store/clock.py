"""Wall time as a budget: seconds are reserved before they are lived.

A run that is killed cannot say when it died: what it had reserved then, at most one slice, counts
as lived when the run goes on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from asiarch.search.store.errors import BudgetExhausted
from asiarch.search.store.store import Store

SUBJECT = "wall clock"


class WallClock:
    """Counts a run's `wall_seconds` in slices of some seconds, for one process at a time."""

    def __init__(
        self,
        store: Store,
        run: str,
        *,
        slice: float = 5.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._run, self._slice, self._now = store, run, slice, now
        self._session, self._count = uuid.uuid4().hex, 0
        left_over = store.budgets.reserved(run, (SUBJECT,)).get("wall_seconds", 0.0)
        self._charge(left_over)
        self._since = now()
        self._reserved = 0.0

    def tick(self) -> bool:
        """Call it more often than a slice is long: false when the time is up."""
        lived = self._now() - self._since
        if lived + self._slice / 2 < self._reserved:
            return True
        self.stop()
        left = self._store.budgets.left(self._run, "wall_seconds")
        wanted = min(self._slice, left)
        try:
            self._store.budgets.reserve(self._run, SUBJECT, {"wall_seconds": wanted})
        except BudgetExhausted:
            return False
        self._reserved = wanted
        return wanted > 0

    def stop(self) -> None:
        """Charges what was lived since the last slice began, and gives back the rest."""
        now = self._now()
        self._charge(now - self._since)
        self._since, self._reserved = now, 0.0

    def _charge(self, seconds: float) -> None:
        self._count += 1
        attempt = f"{self._session} {self._count}"
        used = {SUBJECT: {"wall_seconds": max(0.0, seconds)}}
        self._store.budgets.settle(self._run, attempt, used)
