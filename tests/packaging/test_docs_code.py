"""The code in README and docs runs, in the order in which a reader meets it.

Fences of a document share one folder. One with `file=NAME` after its language writes that file;
`python` runs; `console` runs the lines that begin with `$ ` and finds each of the lines that follow
one in what it prints (`...` stands for anything).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("DOCS", Path(__file__).resolve().parents[2]))
FENCE = re.compile(
    r"^```(\S+)(?: file=(\S+))?(?: needs=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
# `make` is run by CI itself; the rest installs or reaches outside.
LEFT_OUT = ("make ", "pip ", "git ", "cd ")
DOCUMENTS = sorted(
    path.relative_to(ROOT) for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
)


@dataclass(frozen=True, slots=True)
class Fence:
    kind: str
    file: str | None
    needs: str | None
    text: str


def fences(text: str) -> list[Fence]:
    return [Fence(*match.groups()) for match in FENCE.finditer(text)]


def run(document: str, folder: Path) -> int:
    """Runs a document's fences in a folder; returns how many did something."""
    count = 0
    for fence in fences(document):
        if fence.needs and find_spec(fence.needs) is None:
            pytest.skip(f"{fence.needs} is not installed")
        if fence.file:
            (folder / fence.file).write_text(fence.text)
        elif fence.kind == "python":
            _program([sys.executable, "-W", "error", "-c", fence.text], folder)
        elif fence.kind == "console":
            _console(fence.text, folder)
        else:
            continue
        count += 1
    return count


def _console(text: str, folder: Path) -> None:
    for command, *expected in (
        part.splitlines() for part in re.split(r"^\$ ", text, flags=re.M)[1:]
    ):
        if not command.startswith(LEFT_OUT):
            # What is rejected exits with 1: then the document shows an error or a failed law.
            rejected = any("error[" in line or " laws fail" in line for line in expected)
            statuses = (1,) if rejected else (0,)
            shown = _program(shlex.split(command), folder, statuses)
            for line in filter(None, map(str.strip, expected)):
                pattern = ".*".join(map(re.escape, line.split("...")))
                assert re.search(pattern, shown, re.DOTALL), (
                    f"not shown by `{command}`: {line}\n{shown}"
                )


def _program(arguments: list[str], folder: Path, statuses: tuple[int, ...] = (0,)) -> str:
    own = Path(sys.executable).parent
    path = f"{own}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        arguments, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode in statuses, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_the_code_of_a_document_runs(document: Path, tmp_path: Path) -> None:
    run((ROOT / document).read_text("utf-8"), tmp_path)


def test_the_readme_has_code() -> None:
    assert len(fences((ROOT / "README.md").read_text("utf-8"))) >= 3


@pytest.mark.parametrize(
    "wrong",
    [
        "```python\nassert 1 == 2\n```\n",
        "```console\n$ python -c 'print(1)'\n2\n```\n",
        "```console\n$ python -c 'print(3); raise SystemExit(1)'\n3\n```\n",
        "```console\n$ python -c 'print(\"error[E1]\")'\nerror[E1]\n```\n",
    ],
)
def test_a_wrong_document_is_noticed(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(wrong, tmp_path)


def test_a_right_document_passes(tmp_path: Path) -> None:
    text = (
        "```asi file=a.txt\nx\n```\n"
        "```console\n$ python -c 'print(open(\"a.txt\").read())'\n...x\n```\n"
    )
    assert run(text, tmp_path) == 2
