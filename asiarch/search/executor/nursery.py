"""The nursery: a process that has imported what jobs need, forks a child for each batch, and
watches it.

A fork takes milliseconds where the import of torch takes a second. It has one thread and runs
nothing itself, so a fork is safe; it never opens the store. It kills a child that goes over a
limit, with its process group and whatever left the group. When its worker dies (the end of its
standard input), it kills its children and ends.

Messages are lines of JSON. In: {"run": id, "folder", "entry", "limits", "seconds"}, {"kill": id}.
Out: {"ready": true}, {"used": id, "cpu", "wall"}, and for each batch
{"ended": id, "status", "signal", "over", "cpu", "wall"}.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage
from types import FrameType, ModuleType
from typing import Any

from asiarch.search.executor.child import run_child
from asiarch.search.executor.processes import (
    LINUX,
    adopt_orphans,
    children,
    exact_memory,
    kill_group,
    kill_tree,
    usage,
)
from asiarch.search.executor.protocol import Limits
from asiarch.search.job import find_handler

WATCH = 0.2


@dataclass(slots=True)
class Child:
    """A running batch."""

    id: str
    limits: Limits
    seconds: float
    began: float
    over: str = ""
    cpu: float = 0.0


class Nursery:
    """The loop of the nursery process."""

    def __init__(self, orders: int, answers: int) -> None:
        self.orders, self.answers = orders, answers
        # Children read `life`; only this process can write to it, and never does.
        self.life, self._alive = os.pipe()
        self._wakeup, self._ring = os.pipe()
        self._running: dict[int, Child] = {}
        self._unread = b""
        self._untold: list[bytes] = []

    def run(self) -> None:
        """Works until the end of the orders."""
        os.set_blocking(self._ring, False)
        os.set_blocking(self._wakeup, False)
        signal.signal(signal.SIGCHLD, _ring)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        adopt_orphans()
        with selectors.DefaultSelector() as selector:
            selector.register(self.orders, selectors.EVENT_READ)
            selector.register(self._wakeup, selectors.EVENT_READ)
            self._tell(ready=True)
            watched = 0.0
            while True:
                ready = {
                    key.fd
                    for key, _ in selector.select(WATCH if self._running or self._untold else None)
                }
                if self._wakeup in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wakeup, 4096)
                if self.orders in ready and not self._obey():
                    break
                self._reap()
                self._flush()
                if time.monotonic() - watched >= WATCH:
                    watched = time.monotonic()
                    self._watch()
        for pid in self._running:
            kill_tree(pid)
        self._kill_strays(everything=True)

    def _obey(self) -> bool:
        read = os.read(self.orders, 1 << 16)
        if not read:
            return False
        *lines, self._unread = (self._unread + read).split(b"\n")
        for line in lines:
            order: dict[str, Any] = json.loads(line)
            if "run" in order:
                self._start(order)
            else:
                for pid, child in self._running.items():
                    if child.id == order["kill"]:
                        child.over = "cancelled"
                        kill_tree(pid)
        return True

    def _start(self, order: dict[str, Any]) -> None:
        limits = Limits(**order["limits"])
        pid = os.fork()
        if pid == 0:
            os.close(self._alive)
            run_child(Path(order["folder"]), order["entry"], limits, order["seconds"], self.life)
        self._running[pid] = Child(order["run"], limits, order["seconds"], time.monotonic())

    def _reap(self) -> None:
        for pid in list(self._running):
            reaped = _reaped(pid)
            if reaped is None:
                continue
            status, used = reaped
            child = self._running.pop(pid)
            self._kill_strays()
            code = os.waitstatus_to_exitcode(status)
            self._tell(
                ended=child.id,
                status=max(code, 0),
                signal=max(-code, 0),
                over=child.over,
                cpu=max(child.cpu, used.ru_utime + used.ru_stime),
                wall=time.monotonic() - child.began,
            )

    def _kill_strays(self, *, everything: bool = False) -> None:
        """Ends what a child left behind outside of its group: it has become ours."""
        # Elsewhere orphans go to the first process, and nothing is left here.
        for _ in range(100 if LINUX else 0):
            strays = [
                pid for pid in children(os.getpid()) if everything or pid not in self._running
            ]
            if not strays:
                return
            for pid in strays:
                kill_tree(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _watch(self) -> None:
        now = time.monotonic()
        for pid, child in self._running.items():
            used = usage(pid)
            child.cpu = max(child.cpu, used.cpu)
            if now - child.began > child.seconds:
                child.over = child.over or "time"
            elif used.processes > child.limits.processes:
                child.over = child.over or "processes"
            elif used.memory > child.limits.memory and exact_memory(pid) > child.limits.memory:
                child.over = child.over or "memory"
            if child.over:
                kill_tree(pid)
            else:
                self._tell(used=child.id, cpu=child.cpu, wall=now - child.began)

    def _tell(self, **answer: Any) -> None:
        """Says something to the worker, now or when it reads again: it must not hold up the watch.

        News of a batch that runs is dropped when the worker does not read.
        """
        if "used" in answer and not self._flush():
            return
        self._untold.append(json.dumps(answer).encode() + b"\n")
        self._flush()

    def _flush(self) -> bool:
        """Writes what is untold as far as the pipe takes it; whether it would take more."""
        while select.select([], [self.answers], [], 0)[1]:
            if not self._untold:
                return True
            try:
                # A pipe that can be written to takes this much without waiting.
                written = os.write(self.answers, self._untold[0][: select.PIPE_BUF])
            except BrokenPipeError:
                # The worker is dead; the end of the orders says so, too.
                self._untold.clear()
                return False
            self._untold[0] = self._untold[0][written:]
            if not self._untold[0]:
                del self._untold[0]
        return False


def _reaped(pid: int) -> tuple[int, struct_rusage] | None:
    """The status of a child that has ended and what it used, once its group is killed too."""
    # While the child is not reaped, its group cannot be another's. macOS can be asked so since
    # Python 3.13; else the group is killed at once afterwards.
    if hasattr(os, "waitid"):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        kill_tree(pid)
        _, status, used = os.wait4(pid, 0)
    else:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if not ended:
            return None
        kill_group(pid)
    return status, used


def _ring(number: int, frame: FrameType | None) -> None:
    """Python writes the signal's number to the wake-up pipe; nothing else is to be done."""


def main(preload: Sequence[str], folder: str) -> None:
    """Imports modules and handlers (`module:function`; one that is not there ends it before any job
    is spoilt), then works for the process at the other end of stdin and stdout. What a module's
    `before_forks()` reads or makes, all children find; it must start no thread.

    At the end it removes `folder`: a worker that was killed cannot.
    """
    orders, answers = os.dup(0), os.dup(1)
    # What imports print must not be taken for messages.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    modules: dict[str, ModuleType] = {}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for name in preload:
        if ":" in name:
            find_handler(name)
        module = importlib.import_module(name.partition(":")[0])
        modules[module.__name__] = module
    for module in modules.values():
        before_forks = getattr(module, "before_forks", None)
        if before_forks is not None:
            before_forks()
    gc.collect()
    # Pages that the collector does not touch stay shared with the children.
    gc.freeze()
    Nursery(orders, answers).run()
    shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.flush()
    os._exit(0)
