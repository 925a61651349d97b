"""Arithmetic that is off by roundings: it moves what rounding moves, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir.domains.noisy import Noisy
from asiarch.ir.flatten import flatten

TIE = """op tie[D](x: Seq) -> Seq[D] {
  state S[D]
  S = 0.9 * S[t-1] + expand[D](x)
  return topk[D, 1](S)
}"""
COUNTS = "op counts[D](x: Seq[D]) -> Seq[D] { return select(t % 3 == 1, max(x, 0), -x) }"


def run(text: str, size: float, seed: int = 0) -> Any:
    function = flatten(elaborate(text, None, {"D": 4}, ""))
    shape = (1, 9) if text is TIE else (1, 9, 4)
    x = np.random.default_rng(1).uniform(0.5, 1.5, shape)
    return Reference(function, {}, Noisy(size, seed)).evaluate([x])[0]


def test_without_noise_it_is_float64() -> None:
    for text in (TIE, COUNTS):
        function = flatten(elaborate(text, None, {"D": 4}, ""))
        x = np.random.default_rng(1).uniform(0.5, 1.5, (1, 9) if text is TIE else (1, 9, 4))
        np.testing.assert_array_equal(run(text, 0.0), Reference(function, {}).evaluate([x])[0])


def test_a_tie_that_rounding_decides_goes_either_way() -> None:
    chosen = {tuple(np.argmax(run(TIE, 1e-7, seed)[0], -1)) for seed in range(8)}
    assert len(chosen) > 1


def test_positions_and_signs_are_exact() -> None:
    np.testing.assert_array_equal(run(COUNTS, 1e-3) == 0, run(COUNTS, 0.0) == 0)
    np.testing.assert_allclose(run(COUNTS, 1e-3), run(COUNTS, 0.0), rtol=1e-2)
