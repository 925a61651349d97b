"""The front end works without any tensor library, from any folder."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "triton", "jax", "sympy", "networkx", "rich"}

GOOD = """op ema[D](x: Seq[D], a: Seq[D]) -> Seq[D] where causal {
  state m[D]
  m = a * m[t-1] + (1 - a) * x
  return m
}
"""
BAD = """op peek[D](x: Seq[D]) -> Seq[D] where causal {
  return mean[time](x) * x
}
"""


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asiarch(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("asiarch"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_checking_loads_no_tensor_library(tmp_path: Path) -> None:
    code = (
        "import sys, asiarch, asiarch.cli\n"
        f"assert asiarch.check({GOOD!r}).ok\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = set(python(code, tmp_path).split())
    assert "asiarch" in loaded
    assert not loaded & HEAVY


def test_the_measure_of_what_is_loaded_can_fail(tmp_path: Path) -> None:
    code = "import sys, numpy\nprint(*{name.partition('.')[0] for name in sys.modules})"
    assert set(python(code, tmp_path).split()) & HEAVY == {"numpy"}


def test_the_exit_status_tells_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "good.asi").write_text(GOOD)
    (tmp_path / "bad.asi").write_text(BAD)
    assert asiarch("check", "good.asi", folder=tmp_path).returncode == 0
    assert asiarch("check", "good.asi", "bad.asi", folder=tmp_path).returncode == 1
    assert asiarch("check", folder=tmp_path).returncode == 2


def test_the_record_of_a_check_is_json(tmp_path: Path) -> None:
    (tmp_path / "bad.asi").write_text(BAD)
    record = json.loads(asiarch("check", "--json", "bad.asi", folder=tmp_path).stdout)
    assert record["ok"] is False
    assert [found["line"] for found in record["diagnostics"]] == [2]


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("asiarch.library", "prelude.asi"),
        ("asiarch.grammar", "asiarch.lark"),
        ("asiarch.grammar", "tables.bin"),
        ("asiarch.kernels", "__init__.py"),
        ("asiarch", "train/stdlib_files.txt"),
        ("asiarch", "py.typed"),
    ],
)
def test_what_is_not_python_travels_with_the_package(package: str, name: str) -> None:
    assert (resources.files(package) / name).is_file()
