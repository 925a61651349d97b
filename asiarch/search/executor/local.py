"""Batches in child processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asiarch.search.executor.folder import read_result, tail, write_batch
from asiarch.search.executor.protocol import Batch, ExecutorError, Kind, Report, ended
from asiarch.search.job import Reason

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
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
    """An executor that runs each batch in a fork of a process that has imported `preload`.

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
        self._preload = tuple(preload)
        self._threads = threads
        self._start_within = start_within
        self._folder = Path(tempfile.mkdtemp(prefix="asiarch-"))
        self._running: dict[str, _Running] = {}
        self._dead: dict[str, Report] = {}
        self._nursery: subprocess.Popen[bytes] | None = None
        self._unread = b""

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
        self._start()
        self._running[handle] = _Running(batch, folder, seconds, {})
        self._order(order)
        return handle

    def poll(self, timeout: float = 0.0) -> dict[str, Report]:
        """The batches that have ended since the last call."""
        until = time.monotonic() + timeout
        reports, self._dead = self._dead, {}
        while self._nursery is not None:
            wait = 0.0 if reports else max(0.0, until - time.monotonic())
            answer = self._answer(wait)
            if answer is None:
                break
            if "used" in answer and answer["used"] in self._running:
                self._running[answer["used"]].used = self._usage(answer)
            elif "ended" in answer and answer["ended"] in self._running:
                reports[answer["ended"]] = self._report(answer)
        reports, self._dead = {**reports, **self._dead}, {}
        if not reports and (left := until - time.monotonic()) > 0:
            time.sleep(left)
        return reports

    def used(self, handle: str) -> Mapping[str, float]:
        """What a running batch has used, about a second ago."""
        running = self._running.get(handle)
        return running.used if running else {}

    def cancel(self, handle: str) -> None:
        """Kills a batch, with all that it started."""
        running = self._running.pop(handle, None)
        if running is not None:
            self._order({"kill": handle})
            shutil.rmtree(running.folder, ignore_errors=True)

    def close(self) -> None:
        """Kills what runs and ends the nursery."""
        nursery, self._nursery = self._nursery, None
        self._running.clear()
        if nursery is not None:
            with contextlib.suppress(BrokenPipeError):
                _pipe(nursery.stdin).close()
            try:
                nursery.wait(10)
            except subprocess.TimeoutExpired:
                nursery.kill()
                nursery.wait()
            _pipe(nursery.stdout).close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> LocalProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- the nursery -------------------------------------------------------------------------

    def _start(self) -> None:
        if self._nursery is not None:
            return
        self._folder.mkdir(exist_ok=True)
        count = str(self._threads)
        code = (
            f"import sys; sys.path[:] = {sys.path!r};"
            f" from asiarch.search.executor.nursery import main; main({self._preload!r})"
        )
        with (self._folder / "nursery.txt").open("wb") as log:
            self._nursery = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                # Ctrl-C in a terminal is the worker's to answer.
                start_new_session=True,
                env={**os.environ, **dict.fromkeys(THREADS, count), "PYTHONHASHSEED": "0"},
            )
        self._unread = b""
        answer = self._answer(self._start_within)
        if not (answer and answer.get("ready")):
            said = (self._folder / "nursery.txt").read_text("utf-8", "replace")[-4000:]
            self._give_up()
            raise ExecutorError(
                f"the process that runs jobs did not start (it imports {self._preload!r}):\n{said}"
            )

    def _give_up(self) -> None:
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            nursery.kill()
            _end(nursery)

    def _order(self, order: Mapping[str, Any]) -> None:
        if self._nursery is not None:
            line = json.dumps(order).encode() + b"\n"
            try:
                pipe = _pipe(self._nursery.stdin)
                while line:
                    line = line[pipe.write(line) or 0 :]
            except BrokenPipeError:
                self._nursery_died()

    def _answer(self, timeout: float) -> dict[str, Any] | None:
        """The next message within a time; none, too, when the nursery has died."""
        until = time.monotonic() + timeout
        while b"\n" not in self._unread:
            if self._nursery is None:
                return None
            pipe = _pipe(self._nursery.stdout)
            if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            read = os.read(pipe.fileno(), 1 << 16)
            if not read:
                self._nursery_died()
                return None
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _nursery_died(self) -> None:
        nursery, self._nursery = self._nursery, None
        if nursery is None:
            return
        _end(nursery)
        for handle, running in self._running.items():
            message = "the process that started it died"
            self._dead[handle] = ended(running.batch.jobs, "infra", message, running.used)
            shutil.rmtree(running.folder, ignore_errors=True)
        self._running.clear()

    # ---- how a batch ended ---------------------------------------------------------------------

    def _report(self, answer: Mapping[str, Any]) -> Report:
        running = self._running.pop(answer["ended"])
        used = self._usage(answer, running.batch)
        try:
            return self._judged(answer, running, used)
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

    def _usage(self, answer: Mapping[str, Any], batch: Batch | None = None) -> dict[str, float]:
        batch = batch or self._running[answer["used"]].batch
        device = str(batch.jobs[0].spec.get("device") or "cpu")
        used = {"cpu_seconds": answer["cpu"]}
        if not device.startswith("cpu"):
            used["gpu_seconds"] = answer["wall"]
        return used

    def _kind(self, batch: Batch) -> Kind:
        name = batch.jobs[0].kind
        if name not in self._kinds:
            raise ExecutorError(
                f"no handler for jobs of kind {name!r}: there are {', '.join(sorted(self._kinds))}"
            )
        return self._kinds[name]


def _pipe(pipe: Any) -> Any:
    assert pipe is not None
    return pipe


def _end(nursery: subprocess.Popen[bytes]) -> None:
    nursery.wait()
    for pipe in (nursery.stdin, nursery.stdout):
        with contextlib.suppress(BrokenPipeError):
            _pipe(pipe).close()
