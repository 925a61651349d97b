"""A process that checks programs with one copy of the package: a line of JSON in, a line out.

Started with the folder of the copy first on its path, so that a planted bug is in all that it runs.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first law that failed and what it says; None for both when all hold."""

    law: str | None
    said: str | None = None


class Worker:
    """`folder` holds a package `asiarch`. A program that takes longer than `seconds` fails."""

    def __init__(self, folder: Path, seconds: float = 120.0) -> None:
        self.folder, self.seconds = folder, seconds
        self.process: subprocess.Popen[str] | None = None

    def judge(self, file: str, seed: int, laws: Sequence[str] = ()) -> Verdict:
        """Of the text of a `Program.file`: the first law that fails, of those or of all."""
        process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"file": file, "seed": seed, "laws": laws}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._ended("crash", "the process ended")
        ready, _, _ = select.select([process.stdout], [], [], self.seconds)
        if not ready:
            return self._ended("time", f"no answer in {self.seconds:g} s")
        line = process.stdout.readline()
        if not line:
            return self._ended("crash", "the process ended")
        said: dict[str, Any] = json.loads(line)
        return Verdict(cast("str | None", said["law"]), cast("str | None", said["said"]))

    def _start(self) -> subprocess.Popen[str]:
        """The child says one word when it has imported the package."""
        env = os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, "-m", "asiarch.fuzz.worker", str(self.folder)],
                                   env=env, text=True, cwd=self.folder,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        self.process = process
        return process

    def _ended(self, law: str, said: str) -> Verdict:
        self.close()
        return Verdict(law, said)

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(folder: str) -> None:
    """Answer lines until there are none. The word before the first says that all is imported."""
    import asiarch
    from asiarch.fuzz.checks import EVERY, Case, first_failure
    from asiarch.fuzz.program import read

    if not str(asiarch.__file__).startswith(folder):
        raise SystemExit(f"{asiarch.__file__} is not in {folder}")
    print("ready", flush=True)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        failure = first_failure(Case(read(asked["file"]), asked["seed"]), asked["laws"] or EVERY)
        law, said = failure or (None, None)
        print(json.dumps({"law": law, "said": said}), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
