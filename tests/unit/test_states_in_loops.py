"""A state of an enclosing definition, read and written in the body of a `for`."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten

HEAD = "op main[D](x: Seq[D]) -> Seq[D] where causal {\n  state h[D] = 0.25\n"

PAIRS = {
    "a carried state reads what it was before": (
        """  h = 0.5 * h[t-1] + x
        for n in 2 {
          h = 0.5 * h + 0.25 * h[t-1]
          x = x + h
        }""",
        """  h = 0.5 * h[t-1] + x
        h = 0.5 * h + 0.25 * h[t-1]
        x = x + h
        h = 0.5 * h + 0.25 * h[t-1]
        x = x + h""",
    ),
    "two tokens back": (
        """  h = 0.5 * h[t-1] + x
        for n in 2 {
          x = x + h[t-2]
        }""",
        """  h = 0.5 * h[t-1] + x
        x = x + h[t-2]
        x = x + h[t-2]""",
    ),
    "two tokens back from a loop in a loop": (
        """  h = 0.5 * h[t-1] + x
        for n in 2 {
          for m in 2 {
            x = x + h[t-3]
          }
          x = x * h[t-2]
        }""",
        """  h = 0.5 * h[t-1] + x
        x = x + h[t-3]
        x = x + h[t-3]
        x = x * h[t-2]
        x = x + h[t-3]
        x = x + h[t-3]
        x = x * h[t-2]""",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_loop_is_what_it_repeats(name: str) -> None:
    x = np.random.default_rng(0).standard_normal((1, 6, 2))
    looped, written = (
        Reference(flatten(elaborate(f"{HEAD}{body}\n  return x\n}}", None, {"D": 2}, "")), {})
        for body in PAIRS[name]
    )
    np.testing.assert_array_equal(looped(x), written(x))


def test_a_memory_of_a_parameter_is_not_another_parameter() -> None:
    text = """op main[D](x: Seq[D]) -> Seq[D] where causal {
  param p[D] ~ const(0.5)
  state h[D] = p
  h = 0.5 * h[t-1] + x
  for n in 2 {
    x = x + h[t-2]
  }
  return x
}"""
    flat = flatten(elaborate(text, None, {"D": 2}, ""))
    assert [param.path for param in flat.params] == ["p"]
    assert [state.name for state in flat.states] == ["h", "h.2"]
