"""How many tokens a chunk has."""

from __future__ import annotations

import pytest

from asiarch.codegen.plan import Kernel, make_plan
from asiarch.interface import elaborate
from kernels.chunks.torch import even


@pytest.mark.parametrize(
    ("longest", "size", "halves", "tokens"),
    [
        (40, 64, False, 40),
        (65, 64, False, 40),
        (128, 64, False, 64),
        (5, 64, False, 5),
        (0, 64, False, 1),
        (9, 4, False, 3),
        (40, 64, True, 64),
        (65, 64, True, 64),
        (16, 64, True, 16),
    ],
)
def test_chunks_are_as_few_as_asked_for_and_equally_long(
    longest: int, size: int, halves: bool, tokens: int
) -> None:
    assert even(longest, size, halves) == tokens


DELTA = """
op mixer[D, H, K, V](x: Seq[D]) -> Seq[D] where causal {
  k = linear[H, K](x)
  state S[H, K, V]
  S = DECAY * S[t-1] + k * (linear[H, V](x) - k @ (DECAY * S[t-1]))
  return linear[H, V -> D](k @ S)
}
"""


@pytest.mark.parametrize(("decay", "tokens"), [("0.9", 64), ("sigmoid(linear[H, K, V](x))", 16)])
def test_where_each_value_is_a_head_chunks_are_short(decay: str, tokens: int) -> None:
    """As with a decay along keys and values."""
    sizes = {"D": 8, "H": 2, "K": 4, "V": 4}
    function = elaborate(DELTA.replace("DECAY", decay), "mixer", sizes)
    (found,) = (s for s in make_plan(function).steps if isinstance(s, Kernel))
    assert found.chunk == tokens
    (found,) = (s for s in make_plan(function, 24).steps if isinstance(s, Kernel))
    assert found.chunk == 24
