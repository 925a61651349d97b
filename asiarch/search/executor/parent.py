"""The worker's end of a nursery: starts the process, sends orders, reads answers."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from asiarch.search.executor.protocol import ExecutorError

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
HEAP = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
"""For glibc, others ignore it: a training step frees all that it took, and a heap that gives that
back to the system has it zeroed again, page by page, in the next step.
"""
STARTS = 3


class NurseryDied(Exception):
    """The nursery's process has ended without being asked."""


class Nursery:
    """A running nursery that has imported `preload`; `log` is where it and its imports print. Its
    folder, with all that is in it, is removed when the nursery ends.

    Raises ExecutorError when it does not start within `seconds`. One that is killed while it
    starts is started again.
    """

    def __init__(self, preload: Sequence[str], threads: int, log: Path, seconds: float) -> None:
        self._unread = b""
        for _ in range(STARTS):
            self._process = _started(preload, threads, log)
            with contextlib.suppress(NurseryDied):
                if self.answer(seconds) is not None:
                    return
            self._process.kill()
            # A signal of somebody else's, not ours: then it had ended before.
            if self._end() >= 0:
                break
        said = log.read_text("utf-8", "replace")[-4000:]
        raise ExecutorError(
            f"the process that runs jobs did not start (it imports {tuple(preload)!r}):\n{said}"
        )

    def order(self, order: Mapping[str, Any]) -> None:
        """Sends a message. Raises NurseryDied."""
        line = json.dumps(order).encode() + b"\n"
        try:
            pipe = _pipe(self._process.stdin)
            while line:
                line = line[pipe.write(line) or 0 :]
        except BrokenPipeError as error:
            raise NurseryDied from error

    def answer(self, timeout: float) -> dict[str, Any] | None:
        """The next message within a time, or none. Raises NurseryDied."""
        until = time.monotonic() + timeout
        pipe = _pipe(self._process.stdout)
        while b"\n" not in self._unread:
            if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            read = os.read(pipe.fileno(), 1 << 16)
            if not read:
                raise NurseryDied
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def close(self, seconds: float = 10.0) -> None:
        """Ends the process, and with it all that runs in it."""
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._process.kill()
        self._end()

    def _end(self) -> int:
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                _pipe(pipe).close()
        return status


def _started(preload: Sequence[str], threads: int, log: Path) -> subprocess.Popen[bytes]:
    code = (
        f"import sys; sys.path[:] = {sys.path!r};"
        " from asiarch.search.executor.nursery import main;"
        f" main({tuple(preload)!r}, {str(log.parent)!r})"
    )
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            bufsize=0,
            # Ctrl-C in a terminal is the worker's to answer.
            start_new_session=True,
            env={
                **HEAP,
                **os.environ,
                **dict.fromkeys(THREADS, str(threads)),
                "PYTHONHASHSEED": "0",
            },
        )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
