"""Processes and what they use, from /proc where there is one, else from `ps`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LINUX = sys.platform.startswith("linux") and (PROC / "self" / "stat").exists()
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its descendants use: resident bytes, CPU-seconds, how many they are."""

    memory: int
    cpu: float
    processes: int


def adopt_orphans() -> None:
    """Makes descendants whose parents die this process's children (Linux; elsewhere nothing)."""
    if LINUX:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> list[int]:
    """The children of a process, by their ids."""
    if not LINUX:
        return [child for child, (parent, _, _) in _table().items() if parent == pid]
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _text(f"/proc/{pid}/task/{task}/children").split())
    except (OSError, ValueError):
        pass
    return found


def usage(root: int) -> Usage:
    """What a process and all its descendants use now.

    Memory that they share is counted once each, as in `exact_memory`, only when asked there.
    """
    table = {} if LINUX else _table()
    memory, cpu = 0, 0.0
    family = descendants(root)
    for pid in family:
        if LINUX:
            with contextlib.suppress(OSError, ValueError, IndexError):
                memory += int(_text(f"/proc/{pid}/statm").split()[1]) * PAGE
                cpu += _cpu(pid)
        elif pid in table:
            memory, cpu = memory + table[pid][1], cpu + table[pid][2]
    return Usage(memory, cpu, len(family))


def exact_memory(root: int) -> int:
    """Resident bytes of a process and its descendants, what they share being shared out (PSS).

    Slower than `usage`, whose sum is never smaller.
    """
    total = 0
    for pid in descendants(root):
        try:
            text = _text(f"/proc/{pid}/smaps_rollup")
            total += next(
                int(line.split()[1]) * 1024 for line in text.splitlines() if line[:4] == "Pss:"
            )
        except (OSError, StopIteration):
            with contextlib.suppress(OSError, ValueError, IndexError):
                total += int(_text(f"/proc/{pid}/statm").split()[1]) * PAGE
    return total if LINUX else usage(root).memory


def descendants(root: int) -> list[int]:
    """A process and all that descend from it."""
    found, waiting = [root], [root]
    while waiting and len(found) < 100_000:
        new = children(waiting.pop())
        found += new
        waiting += new
    return found


def kill_group(pid: int) -> None:
    """Kills the process group that a process leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_tree(root: int) -> None:
    """Kills a process, its group, and its descendants with theirs."""
    for pid in descendants(root):
        kill_group(pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def started(pid: int) -> str | None:
    """When a process was started, as the system spells it; none when there is no such process."""
    if LINUX:
        try:
            state, *rest = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        except OSError:
            return None
        return None if state in ("Z", "X") else rest[18]
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def own_data() -> int:
    """Bytes of private writable memory of this process, as RLIMIT_DATA counts them (Linux)."""
    try:
        return int(_text("/proc/self/statm").split()[5]) * PAGE
    except (OSError, IndexError):
        return 0


def _cpu(pid: int) -> float:
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    # utime, stime, and those of children that were waited for.
    return sum(map(int, fields[11:15])) / TICKS


def _text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _table() -> dict[int, tuple[int, int, float]]:
    """Parent, resident bytes and CPU-seconds of every process, by `ps`."""
    shown = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,rss=,time="], capture_output=True, text=True, check=False
    )
    found: dict[int, tuple[int, int, float]] = {}
    for line in shown.stdout.splitlines():
        pid, parent, memory, clock = line.split()
        found[int(pid)] = (int(parent), int(memory) * 1024, _seconds(clock))
    return found


def _seconds(clock: str) -> float:
    days, _, rest = clock.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part.replace(",", "."))
    return total + 86400 * int(days or 0)
