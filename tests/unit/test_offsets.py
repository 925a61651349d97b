"""Conditions of `attend`: the hull of j - t against all pairs of small positions."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import pytest

import asiarch
from asiarch.analysis.report import check
from asiarch.elaborate.program import Elaborator
from asiarch.ir.domains.grade import Grades
from asiarch.ir.node import Node, topological
from asiarch.ir.offsets import Hull, hull, upper
from asiarch.language.parser import parse

PROGRAM = """op f[D, W = 4, H = 2](x: Seq[D]) -> Seq[D] {{
  return attend j where {condition} {{ score: 0 * (t - j)  value: x[j] }}
}}"""
SIDE = 24


def condition(text: str) -> Node:
    elaborator = Elaborator()
    elaborator.load(parse(PROGRAM.format(condition=text)), "<text>")
    functions = elaborator.check_all("<text>")
    assert not elaborator.diagnostics, elaborator.diagnostics
    node = next(n for n in topological(functions["f"].outputs) if n.op == "attend")
    return node.attr("body").outputs[0]


def brute(text: str, **sizes: int) -> tuple[int, int] | None:
    """The hull over t, j < SIDE, by Python's own arithmetic."""
    rule: Callable[..., bool] = eval(f"lambda t, j, W=4, H=2, D=1: {text}")
    found = [j - t for t, j in itertools.product(range(SIDE), repeat=2) if rule(t, j, **sizes)]
    return (min(found), max(found)) if found else None


def bounds(found: Hull, **sizes: int) -> tuple[float, float]:
    def number(size: object, other: float) -> float:
        return other if size is None else float(size.evaluate({"D": 1, "W": 4, "H": 2, **sizes}))  # type: ignore[attr-defined]

    return number(found.low, -math.inf), number(found.high, math.inf)


EXACT = {
    "j <= t": (-math.inf, 0),
    "j < t": (-math.inf, -1),
    "t - 64 < j <= t": (-63, 0),
    "t - 64 < j and j < t": (-63, -1),
    "j <= t and (t - j) % 4 == 1": (-math.inf, -1),
    "j < t and (t - j) % 4 == 0": (-math.inf, -4),
    "t - 10 <= j <= t and (t - j) % 4 == 3": (-7, -3),
    "t - 2 <= j <= t and (t - j) % 4 == 3": None,
    "t - t % 64 <= j <= t": (-63, 0),
    "not (j > t)": (-math.inf, 0),
    "not (j > t or j <= t - 3)": (-2, 0),
    "j < t + 1.5": (-math.inf, 1),
    "j < t + 3 / 2": (-math.inf, 1),
    "2 * j < 2 * t + 1": (-math.inf, 0),
    "j * 0.5 <= t * 0.5 + 0.75": (-math.inf, 1),
    "2 * j == 2 * t - 1": None,
    "j == t": (0, 0),
    "j != t and j <= t": (-math.inf, -1),
    "(j < 4 or t - 64 < j) and j <= t": (-math.inf, 0),
    "t + j <= 10": (-10, 10),
    "j > t": (1, math.inf),
}


@pytest.mark.parametrize("text", EXACT)
def test_exact(text: str) -> None:
    found = hull(condition(text))
    if EXACT[text] is None:
        assert found.empty
    else:
        assert bounds(found) == EXACT[text]
    assert found.exact


@pytest.mark.parametrize(
    "text", ["j * D / W <= t * D / W", "j ^ 2 <= t ^ 2", "j <= max(t, 0)", "j * 0.1 <= t * 0.1",
             "j <= t + 1e-9", "j * 1e-300 * 1e-300 <= t * 1e-300 * 1e-300"],
)  # fmt: skip
def test_what_is_not_read_admits_everything(text: str) -> None:
    found = hull(condition(text))
    assert found.high is None
    assert not found.exact
    assert not found.strict


@pytest.mark.parametrize(
    "text",
    [
        "j % 0 != 1",
        "(j - t) % (0 - 4) == 0",
        "j <= t + (t * 0.5) % 1 * 2",
        "not (t % W == 0 and j <= t)",
        "j <= t - W % 2 + 1",
    ],
)
def test_remainders_that_bound_nothing(text: str) -> None:
    assert upper(hull(condition(text)).high) > 0


def test_names() -> None:
    found = hull(condition("t - W < j <= t"))
    assert (str(found.low), str(found.high)) == ("-W + 1", "0")
    assert str(found.columns) == "W"
    assert str(hull(condition("(j < 4 or t - W < j) and j <= t")).columns) == "W + 4"
    assert str(hull(condition("j <= t")).columns) == "T"
    assert upper(hull(condition("j <= t - W")).high) == 0
    assert upper(hull(condition("j <= t + 1 - W")).high) == 1
    assert upper(hull(condition("j <= t + W")).high) == math.inf
    assert upper(hull(condition("j < t - t % W")).high) == -1


def test_strict_and_anchored() -> None:
    assert hull(condition("j < t")).strict
    assert not hull(condition("j <= t")).strict
    assert hull(condition("2 * j < 2 * t")).strict
    assert not hull(condition("j < t + 0.5")).strict
    assert not hull(condition("j <= t and (t - j) % 4 == 0")).anchored
    assert hull(condition("j <= t and j % 4 == 0")).anchored
    assert hull(condition("t - t % 64 <= j <= t")).anchored


def random_condition(rng: random.Random, depth: int = 2) -> str:
    if depth and rng.random() < 0.6:
        left, right = (random_condition(rng, depth - 1) for _ in range(2))
        text = f"({left} {rng.choice(['and', 'or'])} {right})"
        return f"not {text}" if rng.random() < 0.2 else text
    return (
        f"({random_term(rng)} {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {random_term(rng)})"
    )


def random_term(rng: random.Random) -> str:
    shape = rng.randrange(7)
    small = rng.randint(0, 6)
    match shape:
        case 0:
            return "t"
        case 1:
            return "j"
        case 2:
            return f"(t + {small} - j)"
        case 3:
            return f"({rng.choice(['t - j', 'j - t', 't', 'j', 't + j'])}) % {rng.randint(1, 5)}"
        case 4:
            return f"({rng.choice(['t', 'j'])} - W)" if rng.random() < 0.5 else f"{small}"
        case 5:
            return f"{rng.choice(['t', 'j'])} * {rng.choice(['2', '0.5', '3'])}"
        case _:
            return f"(t - t % {rng.randint(1, 6)})"


@pytest.mark.parametrize("seed", range(6))
def test_never_too_small(seed: int) -> None:
    """300 random conditions: every admitted pair is in the hull, with its columns."""
    rng = random.Random(seed)
    tight = 0
    for _ in range(50):
        text = random_condition(rng)
        found = hull(condition(text))
        for w in (0, 1, 5):
            known = brute(text, W=w)
            if known is None:
                continue
            low, high = bounds(found, W=w)
            assert low <= known[0], (text, w)
            assert known[1] <= high, (text, w)
            assert not found.empty, text
            tight += high == known[1] or high == math.inf
            _columns(text, found, w)
    assert tight > 20


def _columns(text: str, found: Hull, w: int) -> None:
    rule: Callable[..., bool] = eval(f"lambda t, j, W=4, H=2, D=1: {text}")
    most = max(sum(rule(t, j, W=w) for j in range(SIDE)) for t in range(SIDE))
    assert most <= found.columns.evaluate({"T": SIDE, "W": w, "D": 1, "H": 2}), (text, w)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_isl(seed: int) -> None:
    """Where isl is installed: conditions without `%` of names, their exact hulls."""
    islpy = pytest.importorskip("islpy")
    rng = random.Random(seed)
    for _ in range(40):
        text = random_condition(rng).replace("W", "4")
        if "0.5" in text or "!=" in text or "not" in text:
            continue
        pairs = islpy.Set(f"{{ [t, j] : t >= 0 and j >= 0 and {text.replace('==', '=')} }}")
        offsets = pairs.apply(islpy.Map("{ [t, j] -> [j - t] }"))
        low, high = bounds(hull(condition(text)))
        if offsets.is_empty():
            continue
        for value, end in ((low, "dim_min_val"), (high, "dim_max_val")):
            known = getattr(offsets, end)(0)
            exact = known.get_num_si() if known.is_int() else value
            assert (value <= exact) if end == "dim_min_val" else (exact <= value), text


def test_grades_of_loops_and_calls_with_numbers() -> None:
    """A loop variable starts at 0, and so may a name of a header."""
    loop = """op f[D, L = 3](x: Seq[D]) -> Seq[D] where causal {
  y = x
  for n in L { y = attend j where j <= t + 1 - n { score: 0 * (t - j)  value: y[j] } }
  return y
}"""
    assert not check(loop).ok
    assert check(loop.replace("t + 1 - n", "t - n")).ok
    named = """op g[D, s](x: Seq[D]) -> Seq[D] where causal {
  return attend j where j <= t + 1 - s { score: 0 * (t - j)  value: x[j] }
}"""
    assert [d.code for d in check(named).diagnostics] == ["E0301"]


def test_the_reference_agrees_that_the_future_is_read() -> None:
    """The conditions that were once read as causal do read ahead."""
    import numpy as np

    for text in ("j < t + 1.5", "j % 0 != 1", "j <= t + (t * 0.5) % 1 * 2"):
        module = asiarch.compile(PROGRAM.format(condition=text), sizes={"D": 1},
                                 backend="reference")  # fmt: skip
        x = np.zeros((1, 3, 1))
        y = x.copy()
        y[0, -1] = 1.0
        with np.errstate(all="ignore"):
            assert np.abs(module(x) - module(y))[0, :-1].max() > 0, text


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strict comparisons read as if sides were whole numbers make a hull too small."""
    from asiarch.ir import offsets

    monkeypatch.setattr(
        offsets,
        "_above",
        lambda row: offsets._at_least((row[0], row[1] - offsets.ONE)),  # pyright: ignore
    )
    assert bounds(hull(condition("j < t + 1.5")))[1] < 1


def test_grades_take_the_hull() -> None:
    elaborator = Elaborator()
    elaborator.load(parse(PROGRAM.format(condition="t - 8 < j <= t")), "<text>")
    (function,) = elaborator.check_all("<text>").values()
    assert Grades().summary(function)[0].span == (-7, 0)
