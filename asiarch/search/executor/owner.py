"""Who holds a lease: a process, named so that others on the machine can tell whether it lives.

A lease of a dead owner is taken at once instead of when it expires. Only a process of the same
machine, boot and process namespace is judged; of others nothing is known, and their leases expire.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from asiarch.search.executor.processes import started


def own_name(part: str = "") -> str:
    """This process's name as an owner; `part` tells apart several owners in it."""
    return "/".join((_machine(), str(os.getpid()), started(os.getpid()) or "", part))


def is_dead(owner: str) -> bool:
    """Whether an owner was a process of this machine that is no longer there."""
    machine, *rest = owner.split("/")
    if machine != _machine() or len(rest) != 3 or not rest[0].isdigit():
        return False
    return started(int(rest[0])) != rest[1]


def _machine() -> str:
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8])
    with contextlib.suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid").strip("pid:[]"))
    return "-".join(parts).replace("/", "_")
