"""Batches in child processes of this machine."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asiarch.search.executor.folder import read_result, tail, write_batch
from asiarch.search.executor.parent import Nursery, NurseryDied
from asiarch.search.executor.protocol import Batch, ExecutorError, Kind, Report, ended
from asiarch.search.job import Reason, unit

CANCEL = 10.0
OVER: dict[str, tuple[Reason, str]] = {
    "time": ("timeout", "it ran for longer than {seconds:g} s"),
    "memory": ("oom", "it used more than {memory} MiB of memory"),
    "processes": ("oom", "it had more than {processes} processes at once"),
}


@dataclass(slots=True)
class _Running:
    batch: Batch
    folder: Path
    seconds: float
    used: dict[str, float]


class LocalProcesses:
    """An executor that runs each batch in a fork of a process that has imported `preload` and
    the handlers' modules.

    `kinds` says how jobs are run, by their kind. `slots` batches run at once, each with `threads`
    threads: on a CPU one thread and as many slots as cores are the fastest.
    """

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        *,
        slots: int = 1,
        preload: Sequence[str] = (),
        threads: int = 1,
        start_within: float = 120.0,
    ) -> None:
        self._kinds = dict(kinds)
        self._slots = slots
        self._preload = tuple(dict.fromkeys((*preload, *(kind.entry for kind in kinds.values()))))
        self._threads = threads
        self._start_within = start_within
        self._folder = Path(tempfile.mkdtemp(prefix="asiarch-"))
        self._running: dict[str, _Running] = {}
        self._ended: dict[str, Report] = {}
        self._nursery: Nursery | None = None

    @property
    def slots(self) -> int:
        """How many batches run at once."""
        return self._slots

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of jobs that it has a handler for."""
        return self._kinds.keys()

    def submit(self, batch: Batch) -> str:
        """Starts a batch. Raises ExecutorError for an unknown kind, and when nothing can start."""
        kind = self._kind(batch)
        handle = uuid.uuid4().hex
        folder = self._folder / handle
        write_batch(folder, batch)
        seconds = kind.limits.seconds * len(batch.jobs)
        order = {
            "run": handle,
            "folder": str(folder),
            "entry": kind.entry,
            "limits": asdict(kind.limits),
            "seconds": seconds,
        }
        if self._nursery is None:
            log = self._folder / "nursery.txt"
            self._nursery = Nursery(self._preload, self._threads, log, self._start_within)
        self._running[handle] = _Running(batch, folder, seconds, {})
        self._order(order)
        return handle

    def poll(self, timeout: float = 0.0) -> dict[str, Report]:
        """The batches that have ended since the last call."""
        until = time.monotonic() + timeout
        while self._nursery is not None:
            answer = self._answer(0.0 if self._ended else max(0.0, until - time.monotonic()))
            if answer is None:
                break
            self._hear(answer)
        if not self._ended and (left := until - time.monotonic()) > 0:
            time.sleep(left)
        reports, self._ended = self._ended, {}
        return reports

    def _hear(self, answer: Mapping[str, Any]) -> None:
        if "used" in answer and answer["used"] in self._running:
            running = self._running[answer["used"]]
            running.used = _usage(answer, running.batch)
        elif "ended" in answer and answer["ended"] in self._running:
            running = self._running.pop(answer["ended"])
            self._ended[answer["ended"]] = self._report(answer, running)

    def used(self, handle: str) -> Mapping[str, float]:
        """What a running batch has used, about a second ago."""
        running = self._running.get(handle)
        return running.used if running else {}

    def cancel(self, handle: str) -> Mapping[str, float]:
        """Kills a batch, with all that it started; returns what it used."""
        if handle not in self._running:
            return {}
        used = self._running[handle].used
        self._order({"kill": handle})
        until = time.monotonic() + CANCEL
        while handle in self._running and (left := until - time.monotonic()) > 0:
            if answer := self._answer(left):
                self._hear(answer)
        running = self._running.pop(handle, None)
        if running is not None:
            shutil.rmtree(running.folder, ignore_errors=True)
        report = self._ended.pop(handle, None)
        return report.used if report else used

    def close(self) -> None:
        """Kills what runs and ends the nursery."""
        nursery, self._nursery = self._nursery, None
        self._running.clear()
        if nursery is not None:
            nursery.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> LocalProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- the nursery -------------------------------------------------------------------------

    def _order(self, order: Mapping[str, Any]) -> None:
        if self._nursery is not None:
            try:
                self._nursery.order(order)
            except NurseryDied:
                self._nursery_died()

    def _answer(self, timeout: float) -> dict[str, Any] | None:
        """The next message within a time; none, too, when the nursery has died."""
        if self._nursery is not None:
            try:
                return self._nursery.answer(timeout)
            except NurseryDied:
                self._nursery_died()
        return None

    def _nursery_died(self) -> None:
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            nursery.close(0.0)
        for handle, running in self._running.items():
            message = "the process that started it died"
            self._ended[handle] = ended(running.batch.jobs, "infra", message, running.used)
            shutil.rmtree(running.folder, ignore_errors=True)
        self._running.clear()

    # ---- how a batch ended ---------------------------------------------------------------------

    def _report(self, answer: Mapping[str, Any], running: _Running) -> Report:
        try:
            return self._judged(answer, running, _usage(answer, running.batch))
        finally:
            shutil.rmtree(running.folder, ignore_errors=True)

    def _judged(
        self, answer: Mapping[str, Any], running: _Running, used: Mapping[str, float]
    ) -> Report:
        jobs = running.batch.jobs
        try:
            outcomes = read_result(running.folder, len(jobs))
        except (ValueError, TypeError, KeyError, OSError) as error:
            return ended(jobs, "infra", f"its result cannot be read: {error}", used)
        # What was killed just after it had written its result has a result.
        if outcomes is not None:
            return Report(tuple(outcomes), used)
        if answer["over"] in OVER:
            reason, message = OVER[answer["over"]]
            limits = self._kind(running.batch).limits
            said = message.format(
                seconds=running.seconds,
                memory=limits.memory >> 20,
                processes=limits.processes,
            )
            return ended(jobs, reason, said, used)
        said = tail(running.folder)
        if answer["signal"] == signal.SIGXCPU:
            return ended(jobs, "timeout", "it used up its CPU time", used)
        if answer["signal"] == signal.SIGABRT and "bad_alloc" in said:
            return ended(jobs, "oom", f"it ran out of memory\n{said}", used)
        how = (
            f"died of {signal.Signals(answer['signal']).name}"
            if answer["signal"]
            else f"ended with status {answer['status']} and no result"
        )
        return ended(jobs, "infra", f"the child {how}\n{said}".strip(), used)

    def _kind(self, batch: Batch) -> Kind:
        name = batch.jobs[0].kind
        if name not in self._kinds:
            raise ExecutorError(
                f"no handler for jobs of kind {name!r}: there are {', '.join(sorted(self._kinds))}"
            )
        return self._kinds[name]


def _usage(answer: Mapping[str, Any], batch: Batch) -> dict[str, float]:
    used = {"cpu_seconds": float(answer["cpu"])}
    if unit(batch.jobs[0]) == "gpu_seconds":
        used["gpu_seconds"] = float(answer["wall"])
    return used
