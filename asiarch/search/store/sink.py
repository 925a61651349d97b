"""The event log as a file of JSON lines, which trackers read: each event once, in order.

`asiarch` depends on no tracker: a tracker's adapter reads these lines. The file goes on where it
ended, also after a kill in the middle of a line.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from asiarch.search.job import canonical
from asiarch.search.store.store import Store

TAIL = 1 << 20


def follow(store: Store, path: str | Path) -> int:
    """Appends the events that the file lacks; returns how many. Call it as often as you like.

    One writer a file. A line is `{"at", "data", "id", "kind", "run", "subject"}`.
    """
    path = Path(path)
    last = _mend(path)
    count = 0
    with path.open("a", encoding="ascii") as file:
        while events := store.events.since(last):
            file.writelines(canonical(asdict(event)) + "\n" for event in events)
            file.flush()
            last, count = events[-1].id, count + len(events)
    return count


def _mend(path: Path) -> int:
    """Cuts off a line that was not finished; returns the number of the last event, or 0."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - TAIL)
        file.seek(start)
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        if start and not whole:
            raise ValueError(f"{path} is no file of events: a line is longer than {TAIL} bytes")
        file.truncate(start + whole)
    lines = tail[:whole].splitlines()
    return int(json.loads(lines[-1])["id"]) if lines else 0
