"""What a run of the fuzzer leaves: one JSON line, for a file that is only ever added to."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """`seeds`: the half-open range that was drawn. `failures`: by check."""

    suite: str
    policy: str
    checks: tuple[str, ...]
    seeds: tuple[int, int]
    programs: int
    failures: dict[str, int]
    not_judged: dict[str, int]
    seconds: float

    def line(self) -> str:
        """JSON, with when and where: the commit, and versions of what computes."""
        about = {
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit(),
            "machine": f"{platform.machine()} CPU, one core",
            "versions": {n: _version(n) for n in ("python", "torch", "numpy")},
        }
        return json.dumps({**asdict(self), **about}, sort_keys=True)


def commit() -> str:
    """The commit of the working copy that the package lies in, or `none`."""
    folder = Path(__file__).resolve().parent
    try:
        shown = subprocess.run(["git", "-C", str(folder), "rev-parse", "--short", "HEAD"],
                               capture_output=True, text=True, check=False)  # fmt: skip
    except OSError:
        return "none"
    return shown.stdout.strip() or "none"


def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def append(path: Path, entries: Sequence[Entry]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        for entry in entries:
            stream.write(entry.line() + "\n")
