"""`if` on sizes joined by `and`, `or`, `not`: decided before running, at every size."""

from __future__ import annotations

import pytest

import asiarch
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.rules import static

TEXT = """
op f[D, L](x: Seq[D]) -> Seq[D] where causal {
  y = 0 * x
  if L >= 1 and L < 3 { y = y + 1 }
  if L == 0 or not L < 4 { y = y + 2 }
  if not (L == 1 or L == 2) and L < 9 { y = y + 4 }
  return y
}
"""


def expected(size: int) -> int:
    inner, outer = 1 <= size < 3, size == 0 or not size < 4
    return inner + 2 * outer + 4 * (size not in (1, 2) and size < 9)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 8, 9, 10])
def test_joined_comparisons_of_sizes_are_decided(size: int) -> None:
    function = flatten(elaborate(TEXT, "f", {"D": 1, "L": size}))
    added = [static(n.args[1]) for n in function.nodes() if n.op == "add"]
    total = sum(int(s.integer or 0) for s in added if s is not None)
    assert total == expected(size)


def test_checking_needs_no_numbers() -> None:
    assert [d.message for d in asiarch.check(TEXT).diagnostics] == []


def test_a_choice_by_value_is_still_refused() -> None:
    text = "op f[D](x: Seq[D]) -> Seq[D] {\n  if D > 1 and x > 0 { x = x + 1 }\n  return x\n}\n"
    assert "E0509" in [d.code for d in asiarch.check(text).diagnostics]
