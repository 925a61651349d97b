"""Initialisers: draws beside values along axes, and axes in another order than the parameter's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import asiarch
from asiarch.interface import parameters_of

TEXT = """
op start[D, H, P = 4](x: Seq[D]) -> Seq[D] where causal {
  param taps[P, D] ~ relu(index[P]() + 2 - P) + normal(0.02)
  param spread[P, D] ~ uniform(index[D](), index[D]() + 0.5)
  param bias[P, H] ~ expand[H](stack[P](-1, 0, 1, 3))
  y = sum[P](taps * expand[P](x)) + dot[P](spread, expand[P](x))
  return y + sum[P, H](bias)
}
"""


@pytest.mark.parametrize("reset", [False, True], ids=["by seed", "by the emitted module"])
def test_draws_stand_beside_values_with_axes(reset: bool) -> None:
    """H as long as P: an order that is wrong would have the right shape."""
    module = asiarch.compile(TEXT, "start", {"D": 3, "H": 4}, seed=1)
    if reset:
        torch.manual_seed(0)
        module.reset_parameters()
    values = parameters_of(module)
    taps = values["taps"] - np.eye(4)[3][:, None]
    assert 0 < np.abs(taps).max() < 0.1
    assert np.unique(taps).size == taps.size
    assert (np.floor(values["spread"]) == np.arange(3)).all()
    assert (values["bias"] == np.array([-1, 0, 1, 3])[:, None]).all()


def test_a_seed_gives_the_same_values_in_both_backends() -> None:
    torch_values, loop = (
        parameters_of(asiarch.compile(TEXT, "start", {"D": 3, "H": 4}, backend=b))
        for b in ("torch", "reference")
    )
    for path, value in loop.items():
        assert np.allclose(torch_values[path], value, atol=1e-7)
