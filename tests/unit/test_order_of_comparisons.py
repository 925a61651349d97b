"""A comparison of equal axes has them in the first operand's order (`x @ y` asks for the last)."""

from __future__ import annotations

import pytest

from asiarch.interface import elaborate


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize(("a", "b"), [("x", "y"), ("y", "x")])
def test_the_first_operand_orders(sign: str, a: str, b: str) -> None:
    kinds = {"x": ("A", "B"), "y": ("B", "A")}
    body = f"u = {a} {sign} {b}\n  return u + x"
    text = f"op p[A, B](x: Seq[A, B], y: Seq[B, A]) -> Seq[A, B] {{\n  {body}\n}}"
    function = elaborate(text, None, {"A": 2, "B": 3}, "")
    assert function.names["u"].type.axes == kinds[a]
