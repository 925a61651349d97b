"""A process that checks programs with one copy of the package: a line of JSON in, a line out.

The folder of the copy is first on its path, so that a planted bug is in all that it runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first law that failed and what it says; None for both when all hold."""

    law: str | None
    said: str | None = None


class Worker:
    """`folder` holds a package `asiarch`. A program that takes longer than `seconds` fails.

    The process is forked, so that what is none of the package need not be imported again.
    """

    def __init__(self, folder: Path, seconds: float = 120.0) -> None:
        self.folder, self.seconds = folder, seconds
        self.child: tuple[int, TextIO, TextIO] | None = None

    def judge(self, file: str, seed: int, laws: Sequence[str] = ()) -> Verdict:
        """Of the text of a `Program.file`: the first law that fails, of those or of all."""
        said = self._answer({"file": file, "seed": seed, "laws": laws})
        if isinstance(said, Verdict):
            return said
        return Verdict(cast("str | None", said["law"]), cast("str | None", said["said"]))

    def emitted(self, file: str) -> str:
        """A digest of the module's text for a program, or of why there is none."""
        said = self._answer({"file": file})
        return str(said.said) if isinstance(said, Verdict) else str(said["text"])

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any] | Verdict:
        """What the process says, or that it says nothing."""
        if self.child is None:
            self.child = _forked(self.folder)
        _, into, out = self.child
        try:
            into.write(json.dumps(asked) + "\n")
            into.flush()
        except BrokenPipeError:
            return self._ended("crash", "the process ended")
        ready, _, _ = select.select([out], [], [], self.seconds)
        if not ready:
            return self._ended("time", f"no answer in {self.seconds:g} s")
        line = out.readline()
        if not line:
            return self._ended("crash", "the process ended")
        return cast("dict[str, Any]", json.loads(line))

    def _ended(self, law: str, said: str) -> Verdict:
        self.close()
        return Verdict(law, said)

    def close(self) -> None:
        if self.child is None:
            return
        number, into, out = self.child
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        with contextlib.suppress(BrokenPipeError):
            into.close()
        out.close()
        self.child = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _forked(folder: Path) -> tuple[int, TextIO, TextIO]:
    """A child that answers lines, with the pipes to it and from it."""
    asked, into = os.pipe()
    out, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(into)
            os.close(out)
            with os.fdopen(asked) as questions, os.fdopen(told, "w") as answers:
                serve(folder, questions, answers)
        finally:
            os._exit(0)
    os.close(asked)
    os.close(told)
    return child, os.fdopen(into, "w"), os.fdopen(out)


def serve(folder: Path, questions: TextIO, answers: TextIO) -> None:
    """Answer lines until there are none, with the package in the folder and no other."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "asiarch"]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    checks = importlib.import_module("asiarch.fuzz.checks")
    read = importlib.import_module("asiarch.fuzz.program").read
    if not str(checks.__file__).startswith(str(folder)):
        return
    for line in questions:
        asked: dict[str, Any] = json.loads(line)
        program = read(asked["file"])
        if "seed" not in asked:
            answer = {"text": _text(program)}
        else:
            case = checks.Case(program, asked["seed"])
            law, said = checks.first_failure(case, asked["laws"] or checks.EVERY) or (None, None)
            answer = {"law": law, "said": said}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _text(program: Any) -> str:
    """A digest of what the package of this process emits for the program."""
    emit = importlib.import_module("asiarch.interface").emit
    try:
        text = emit(program.text, program.op, program.named_sizes, chunk=program.chunk)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
    return hashlib.sha256(text.encode()).hexdigest()
