"""Which way a loss pulls agrees with its derivative, measured; the lines of `show` add up."""

from __future__ import annotations

import random

import pytest

from asiarch.analysis.report import check
from asiarch.commands.support.facts import Facts, loss_rows
from asiarch.interface import elaborate
from asiarch.ir.function import Function
from asiarch.ir.size import Size
from asiarch.language.ast import Span

TEMPLATE = """op f[D](x: Seq[D]) -> Seq[D] {{
  a = sigmoid(x)
  b = exp(x)
  loss sum[D]({loss})
  return a + b
}}
"""
DOWN, UP, EITHER, STAYS = "down", "up", "either way", "stays (its slope is 0)"


def spec(loss: str) -> Function:
    report = check(TEMPLATE.format(loss=loss))
    assert report.ok, report.diagnostics
    return report.ops["f"].facts.function


@pytest.mark.parametrize(
    ("loss", "ways"),
    [
        ("a * b", {"a": DOWN, "b": DOWN}),
        ("a - b", {"a": DOWN, "b": UP}),
        ("a / (1 + b)", {"a": DOWN, "b": UP}),
        ("x * a", {"x": DOWN, "a": EITHER}),
        ("x - a * b", {"x": DOWN, "a": UP, "b": UP}),
        ("step(a) * b", {"a": STAYS, "b": DOWN}),
        ("(a - 0.5) ^ 2", {"a": EITHER}),
        ("a ^ 2", {"a": DOWN}),
        ("max(a, b)", {"a": DOWN, "b": DOWN}),
        ("abs(x)", {"x": EITHER}),
        ("-log(a)", {"a": UP}),
        ("mean[time](a) * a[t-1]", {"a": DOWN}),
        ("softmax[D](x)", {"x": EITHER}),
        ("cumsum[time](sqrt(b))", {"b": DOWN}),
        ("tanh(x) + 0 * a", {"x": DOWN, "a": STAYS}),
    ],
)
def test_a_loss_pulls_where_its_slope_says(loss: str, ways: dict[str, str]) -> None:
    assert dict(loss_rows(spec(loss))) == ways


@pytest.mark.parametrize("loss", ["a * b", "a - b", "a / (1 + b)", "-log(a)", "max(a, b)", "a ^ 2"])
def test_a_claimed_pull_agrees_with_differences(loss: str) -> None:
    """Numbers in the ranges of a and b, moved a little: the loss moves as the sign says."""
    import math

    expression = loss.replace("^", "**")
    names = {"log": math.log, "max": max}
    draws = random.Random(7)
    for name, way in loss_rows(spec(loss)):
        for _ in range(50):
            at = {"a": draws.uniform(0.01, 0.99), "b": draws.uniform(0.01, 9)}
            moved = at | {name: at[name] + 1e-4}
            rise = eval(expression, names | moved) - eval(expression, names | at)
            assert (rise >= -1e-12) if way == DOWN else (rise <= 1e-12)


MODEL = """op g[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = linear[H, K](x)
  r = q + q[t-1]
  s = sum[K](r * q)
  state S[H, K]
  S = sigmoid(s) * S[t-1] + q
  return linear[H, K -> D](S * r)
}
"""


def test_the_work_of_lines_is_the_work_of_the_whole() -> None:
    """A term that two lines share is paid once."""
    function = check(MODEL).ops["g"].facts.function
    rows = list(Facts(lambda span: "").rows(function))
    assert [r.text.split()[0] for r in rows] == ["x", "q", "r", "s", "S", "return"]
    numbers = elaborate(MODEL, "g", {"D": 12, "H": 3})
    paid = [int(r.work.split()[0]) for r in Facts(lambda span: "").rows(numbers) if r.work]
    report = check(MODEL).ops["g"]
    whole = report.work.substitute({"D": Size.of(12), "H": Size.of(3), "K": Size.of(4)})
    assert str(whole) == f"{sum(paid)} * T"


def test_lines_show_what_is_written() -> None:
    report = check(MODEL)

    def text(span: Span) -> str:
        return report.source.slice(span)

    rows = list(Facts(text).rows(report.ops["g"].facts.function))
    written = [line.strip() for line in MODEL.splitlines()]
    assert all(row.text in written for row in rows if row.text != "x")
