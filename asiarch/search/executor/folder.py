"""A batch and its result as files of a folder: how they reach a child process and come back.

Nothing here is executable, and nothing is unpickled: a child's result is JSON and raw blobs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asiarch.search.executor.protocol import Batch
from asiarch.search.job import Job, Outcome, canonical

SCRATCH, BATCH, RESULT, LOG = "scratch", "batch.json", "result.json", "log.txt"


def write_batch(folder: Path, batch: Batch) -> None:
    """Writes what a child reads."""
    (folder / SCRATCH).mkdir(parents=True)
    names = _write_blobs(folder, "in", batch.blobs)
    jobs = [
        {"kind": job.kind, "spec": job.spec, "group": job.group, "cost": job.cost}
        for job in batch.jobs
    ]
    (folder / BATCH).write_text(canonical({"jobs": jobs, "blobs": names}), "ascii")


def read_batch(folder: Path) -> Batch:
    """Reads what `write_batch` wrote."""
    held: dict[str, Any] = json.loads((folder / BATCH).read_text("ascii"))
    return Batch(tuple(Job(**job) for job in held["jobs"]), _read_blobs(folder, held["blobs"]))


def write_result(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Writes what came of a batch; the result is there whole or not at all."""
    rows = [
        {
            "status": outcome.status,
            "reason": outcome.reason,
            "values": outcome.values,
            "blobs": _write_blobs(folder, f"out{index}", outcome.blobs),
            "seconds": outcome.seconds,
            "flops": outcome.flops,
        }
        for index, outcome in enumerate(outcomes)
    ]
    part = folder / f"{RESULT}.part"
    part.write_text(canonical(rows), "ascii")
    os.replace(part, folder / RESULT)


def read_result(folder: Path, count: int) -> list[Outcome] | None:
    """Reads what `write_result` wrote; none when there is no whole result.

    Raises ValueError when it is not what `write_result` writes for `count` jobs.
    """
    path = folder / RESULT
    if not path.exists():
        return None
    rows: list[dict[str, Any]] = json.loads(path.read_text("ascii"))
    if len(rows) != count:
        raise ValueError(f"{len(rows)} outcomes for {count} jobs")
    return [
        Outcome(
            row["status"],
            row["reason"],
            row["values"],
            _read_blobs(folder, row["blobs"]),
            row["seconds"],
            row["flops"],
        )
        for row in rows
    ]


def tail(folder: Path, lines: int = 20) -> str:
    """The end of what a child printed."""
    path = folder / LOG
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4000))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-lines:])


def _write_blobs(folder: Path, prefix: str, blobs: Mapping[str, bytes]) -> dict[str, str]:
    names: dict[str, str] = {}
    for index, (name, content) in enumerate(blobs.items()):
        names[name] = f"{prefix}-{index}"
        (folder / names[name]).write_bytes(content)
    return names


def _read_blobs(folder: Path, names: Mapping[str, str]) -> dict[str, bytes]:
    return {name: (folder / Path(file).name).read_bytes() for name, file in names.items()}
