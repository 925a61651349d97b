"""Powers of exponentials where the exponential itself is 0 in floating point."""

from __future__ import annotations

import math

import pytest
import torch

import asiarch

FAR = -200.0
"""Where sigmoid and exp are 0 in float32, and their sixteenth root is not."""

FORMS = {
    "sigmoid(x) ^ (1 / 16)": math.exp(FAR / 16),
    "exp(x) ^ 0.0625": math.exp(FAR / 16),
    "sqrt(sqrt(sigmoid(x)))": math.exp(FAR / 4),
    "sqrt(exp(x / 4))": math.exp(FAR / 8),
    "sigmoid(x) ^ (-1 / 16)": math.exp(-FAR / 16),
}


def module(expression: str):
    text = f"op f[D](x: Seq[D]) -> Seq[D] where causal {{ return {expression} }}"
    return asiarch.compile(text, sizes={"D": 1})


@pytest.mark.parametrize("expression", FORMS)
def test_values_and_slopes_are_those_of_the_real_numbers(expression: str) -> None:
    x = torch.full((1, 3, 1), FAR, requires_grad=True)
    y = module(expression)(x)
    y.sum().backward()
    expected = torch.full_like(y, FORMS[expression])
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=0)
    slope = math.log(FORMS[expression]) / FAR * expected
    torch.testing.assert_close(x.grad, slope, rtol=1e-5, atol=0)


@pytest.mark.parametrize("decayed", ["a ^ 2", "a * a", "sqrt(a) * a ^ 1.5"])
def test_what_is_left_of_a_decay_near_one(decayed: str) -> None:
    """sqrt(1 - a^2) with 1 - a = 1e-9: sqrt(2e-9) to first order."""
    text = f"""op f[D](x: Seq[D]) -> Seq[D] where causal {{
      a = exp(-x)
      return sqrt(1 - {decayed})
    }}"""
    x = torch.full((1, 3, 1), 1e-9, requires_grad=True)
    y = asiarch.compile(text, sizes={"D": 1})(x)
    y.sum().backward()
    torch.testing.assert_close(y, torch.full_like(y, math.sqrt(2e-9)), rtol=1e-5, atol=0)
    torch.testing.assert_close(x.grad, 1 / y.detach(), rtol=1e-5, atol=0)


def test_what_is_left_of_a_gate_that_is_open() -> None:
    """1 - sigmoid(40) is 0 in float32; its root is sqrt(sigmoid(-40))."""
    x = torch.full((1, 3, 1), 40.0, requires_grad=True)
    y = module("sqrt(1 - sigmoid(x))")(x)
    y.sum().backward()
    torch.testing.assert_close(y, torch.full_like(y, math.exp(-20)), rtol=1e-5, atol=0)
    torch.testing.assert_close(x.grad, -y.detach() / 2, rtol=1e-5, atol=0)


def test_a_product_that_joins_axes_is_no_exponential() -> None:
    text = """op f[D, H = 2](x: Seq[D]) -> Seq[D] where causal {
      param rate[H] ~ const(0)
      return sum[H](sqrt(1 - exp(-x * x) * exp(-exp(rate))))
    }"""
    assert "expm1" not in asiarch.emit(text, sizes={"D": 3})


LEFT = ("sigmoid(x) ^ 2", "x ^ 0.5", "sqrt(x)", "exp(x) ^ x", "1 - exp(x)", "sqrt(2 - exp(x))",
        "sqrt(1 - exp(x) ^ x)", "sqrt(1 - x * exp(x))")  # fmt: skip


@pytest.mark.parametrize("expression", LEFT)
def test_what_is_left_as_it_is(expression: str) -> None:
    text = f"op f[D](x: Seq[D]) -> Seq[D] where causal {{ return {expression} }}"
    emitted = asiarch.emit(text, sizes={"D": 1})
    assert "logsigmoid" not in emitted
    assert "expm1" not in emitted


def test_a_decay_that_closes_has_gradients() -> None:
    text = """op f[D](x: Seq[D]) -> Seq[D] where causal {
      a = sigmoid(100 * x) ^ (1 / 16)
      state S[D]
      S = a * S[t-1] + x
      return S
    }"""
    x = -2 - torch.rand(1, 9, 2)
    x.requires_grad_()
    asiarch.compile(text, sizes={"D": 2})(x).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
