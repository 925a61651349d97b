"""The pages of the library say what the library says."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "operator_pages.py"


@cache
def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("operator_pages", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _pages() -> dict[str, str]:
    return _generator().pages()


def test_pages_are_current() -> None:
    """But for what oracles measured, which is made anew by another command."""
    assert _generator().stale(_pages(), oracles_too=False) == []


def test_a_page_that_is_not_is_noticed() -> None:
    changed = _pages() | {"gla.md": _pages()["gla.md"].replace("diagonal", "scalar")}
    changed["new.md"] = ""
    del changed["kda.svg"]
    found = _generator().stale(changed, oracles_too=False)
    assert found == ["gla.md", "kda.svg", "new.md"]
    measured = _pages() | {"gla_core.md": _pages()["gla_core.md"].replace("e-1", "e-2")}
    assert _generator().stale(measured, oracles_too=False) == []


def test_every_page_has_its_facts() -> None:
    for name, text in _pages().items():
        if name.endswith(".md") and name != "README.md":
            assert all(part in text for part in ("```asi\n", "| work |", "| state |", "## Graph"))
            has_state = "\n  state " in text.partition("```asi\n")[2].partition("```")[0]
            assert not has_state or "## States" in text, name
