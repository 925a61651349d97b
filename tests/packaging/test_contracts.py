"""The installed package keeps its import contracts; a planted violation is seen to break one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import asiarch

PACKAGE = Path(asiarch.__file__).parent
CONTRACTS = Path(__file__).resolve().parents[1] / ".importlinter"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", CONTRACTS],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@contextmanager
def planted(module: str, line: str) -> Iterator[None]:
    path = PACKAGE / f"{module}.py"
    path.write_text(f'"""Planted."""\n{line}\n')
    try:
        yield
    finally:
        path.unlink()


def test_the_package_is_installed() -> None:
    assert "site-packages" in PACKAGE.parts


def test_the_contracts_hold(tmp_path: Path) -> None:
    result = lint(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("language/planted", "import asiarch.codegen", "Layers"),
        ("ir/planted", "import asiarch.elaborate", "Layers"),
        ("language/planted", "import asiarch.ir", "Layers"),
        ("codegen/planted", "def late():\n    import asiarch.train", "Layers"),
        ("elaborate/planted", "import torch", "The front end loads no tensor library"),
        ("ir/planted", "def late():\n    import sympy", "The front end loads no tensor library"),
        ("language/planted", "import numpy", "The language knows no numbers"),
        ("search/store/planted", "import torch", "The search's core loads no tensor library"),
        ("search/store/planted", "import asiarch.search.executor", "The search's own layers"),
        ("kernels/planted", "import asiarch.ir", "Kernels know nothing of the compiler"),
        ("export/folder/planted", "import asiarch.train", "What an exported folder holds"),
    ],
)
def test_a_planted_violation_breaks_its_contract(
    module: str, line: str, contract: str, tmp_path: Path
) -> None:
    with planted(module, line):
        result = lint(tmp_path)
    assert result.returncode != 0
    broken = [shown for shown in result.stdout.splitlines() if shown.endswith("BROKEN")]
    assert any(shown.startswith(contract) for shown in broken), result.stdout


def test_a_module_without_a_layer_is_noticed(tmp_path: Path) -> None:
    with planted("unlisted", "x = 1"):
        result = lint(tmp_path)
    assert result.returncode != 0
    assert "unlisted" in result.stdout
