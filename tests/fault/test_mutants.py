"""Mutants of rules: a few are killed by the ordinary laws, the sound rule survives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from asiarch.fuzz.checks import Case
from asiarch.fuzz.mutants import WRITTEN, Mutant, killed, mutants

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "mutants.py"
EVERY = {m.name: m for m in mutants()}
CASES = [Case(program) for program in WRITTEN[:4]]


def _nothing() -> None:
    return None


def _benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("mutants_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sound_rules_survive() -> None:
    assert killed(Mutant("sound", "add", _nothing, EVERY["add.float64.sign"].laws), CASES) is None


@pytest.mark.parametrize(
    "name",
    [
        "add.float64.sign",
        "maximum.derivative.swapped",
        "cost.pointwise.dropped",
        "anneal.derivative1.sign",
        "mod.derivative1.sign",
    ],
)
def test_a_mutant_is_killed(name: str) -> None:
    assert killed(EVERY[name], CASES) is not None


def test_mutants_of_changed_files_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    module = _benchmark()
    said = {"merge-base": "a", "rev-parse": "b"}
    files = "asiarch/ir/primitives/tanh.py\nasiarch/ir/domains/cost.py"

    def changed(*words: str) -> str:
        return said.get(words[0], files)

    def unchanged(*words: str) -> str:
        return said.get(words[0], "")

    monkeypatch.setattr(module, "_git", changed)
    names = {m.name for m in module.changed()}
    assert {"tanh.derivative0.sign", "cost.reduce.dropped"} <= names
    assert {n.partition(".")[0] for n in names} == {"tanh", "cost"}
    monkeypatch.setattr(module, "_git", unchanged)
    assert len(module.changed()) == module.SAMPLE


def test_equivalent_mutants_exist_and_have_a_reason() -> None:
    module = _benchmark()
    assert set(module.EQUIVALENT) <= set(EVERY)
    assert all(module.EQUIVALENT.values())
