"""Definitions may be called what they like: classes of the emitted text keep apart."""

from __future__ import annotations

import pytest
import torch

import asiarch

TEXT = """
use delta_net.delta_net

op NAME[D](x: Seq[D]) -> Seq[D] where causal {
  return relu(cumsum[time](delta_net[H = 2](x)))
}
"""


@pytest.mark.parametrize("name", ["f", "rows", "past", "group", "tensor", "any", "chunks"])
def test_a_definition_named_like_what_the_text_uses(name: str) -> None:
    module = asiarch.compile(TEXT.replace("NAME", name), sizes={"D": 4})
    assert module(torch.zeros(1, 3, 4)).shape == (1, 3, 4)
