"""Mutants of rules: a few are killed by the ordinary laws, the sound rule survives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from asiarch.fuzz.mutants import WRITTEN, Mutant, killed, mutants

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "mutants.py"
EVERY = {m.name: m for m in mutants()}
PROGRAMS = [(WRITTEN, 0)]


def _nothing() -> None:
    return None


def test_the_sound_rules_survive() -> None:
    assert killed(Mutant("sound", "add", _nothing), PROGRAMS) is None


@pytest.mark.parametrize(
    "name",
    ["add.float64.sign", "maximum.derivative.swapped", "cost.pointwise.dropped"],
)
def test_a_mutant_is_killed(name: str) -> None:
    assert killed(EVERY[name], PROGRAMS) is not None


def test_equivalent_mutants_exist_and_have_a_reason() -> None:
    spec = importlib.util.spec_from_file_location("mutants_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.EQUIVALENT) <= set(EVERY)
    assert all(module.EQUIVALENT.values())
