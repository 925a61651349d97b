"""The child's side: limits on itself, the handler, the result. Runs after a fork and never returns.

The child leads a session and process group of its own. It holds the reading end of a pipe whose
other end the nursery holds: when that closes, the nursery is dead, and the child kills its group.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from asiarch.search.executor.folder import LOG, SCRATCH, read_batch, write_result
from asiarch.search.executor.processes import LINUX, own_data
from asiarch.search.executor.protocol import Batch, Limits
from asiarch.search.job import Context, Outcome, Reason, failed, find_handler, unit

OUT_OF_MEMORY = ("can't allocate memory", "bad_alloc", "out of memory", "cannot allocate memory")
GRACE = 5


def run_child(folder: Path, entry: str, limits: Limits, seconds: float, life: int) -> NoReturn:
    """Runs the batch of a folder in this process, which ends with it."""
    status = 1
    try:
        _settle_in(folder, life)
        batch = read_batch(folder)
        _limit(limits, seconds, batch)
        deadline = time.monotonic() + seconds
        outcomes = _outcomes(batch, entry, Context(folder / SCRATCH, deadline, batch.blobs))
        _unlimit()
        write_result(folder, outcomes)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # Buffers are flushed by hand and nothing else is run: handlers registered at exit are
        # those of the nursery, too.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def reason_of(error: BaseException) -> Reason:
    """`oom` for what memory limits raise, in Python, torch and libc; else `infra`."""
    said = f"{type(error).__name__} {error}".lower()
    if isinstance(error, MemoryError) or "outofmemory" in said:
        return "oom"
    return "oom" if any(text in said for text in OUT_OF_MEMORY) else "infra"


def _outcomes(batch: Batch, entry: str, context: Context) -> Sequence[Outcome]:
    began = time.monotonic()
    try:
        outcomes = find_handler(entry)(batch.jobs, context)
        if len(outcomes) != len(batch.jobs):
            raise ValueError(f"{entry} gave {len(outcomes)} outcomes for {len(batch.jobs)} jobs")
        return outcomes
    except Exception as error:
        _unlimit()
        traceback.print_exc()
        where = traceback.format_exception_only(error)[-1].strip()
        seconds = (time.monotonic() - began) / len(batch.jobs)
        return [failed(reason_of(error), f"{entry}: {where}", seconds=seconds)] * len(batch.jobs)


def _settle_in(folder: Path, life: int) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for low, high in ((3, life), (life + 1, 4096)):
        os.closerange(low, high)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    threading.Thread(target=_die_with, args=(life,), daemon=True).start()


def _die_with(life: int) -> None:
    with contextlib.suppress(OSError):
        os.read(life, 1)
    os.killpg(0, signal.SIGKILL)


def _limit(limits: Limits, seconds: float, batch: Batch) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A backstop for the nursery's own clock, on every core at once.
    cpu = int(seconds * (os.cpu_count() or 1)) + GRACE
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + GRACE))
    # Drivers of accelerators reserve far more address space than they use.
    on_cpu = all(unit(job) == "cpu_seconds" for job in batch.jobs)
    if LINUX and on_cpu:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        wanted = limits.memory + own_data()
        if hard == resource.RLIM_INFINITY or wanted < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def _unlimit() -> None:
    """Room to write down what happened."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
