"""Ranges: what is proved of values, against values drawn on the reference."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from asiarch.analysis.report import check
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.elaborate.program import Elaborator
from asiarch.interface import elaborate
from asiarch.ir import interval as I
from asiarch.ir.domains.ranges import ranges
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.interval import Range
from asiarch.language.parser import parse

INF = math.inf


def symbolic(text: str, name: str = "f") -> Function:
    elaborator = Elaborator()
    elaborator.load(parse(text), "<text>")
    functions = elaborator.check_all("<text>")
    assert not [d for d in elaborator.diagnostics if d.severity == "error"], elaborator.diagnostics
    return functions[name]


def found(expression: str, header: str = "D", before: str = "") -> Range:
    text = f"op f[{header}](x: Seq[D]) {{\n{before}\nreturn {expression}\n}}"
    text = text.replace(") {", ") -> Seq[D] {")
    function = symbolic(text)
    return ranges(function).values[function.outputs[0]]


# -- the vocabulary --------------------------------------------------------------------------------

POINTS = (-4.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0)


def random_range(rng: random.Random) -> Range:
    low, high = sorted(rng.choices(POINTS, k=2))
    if rng.random() < 0.3:
        low = -INF
    if rng.random() < 0.3:
        high = INF
    wide = low < high
    return Range(low, high, wide and rng.random() < 0.5, wide and rng.random() < 0.5)


def draws(x: Range, rng: random.Random) -> list[float]:
    low, high = max(x.low, -6.0), min(x.high, 6.0)
    inner = [rng.uniform(low, high) for _ in range(6)]
    ends = [v for v, is_open in ((x.low, x.low_open), (x.high, x.high_open))
            if not is_open and not math.isinf(v)]  # fmt: skip
    return [v for v in inner + ends if contains(x, v)]


def contains(x: Range, value: float, slack: float = 0.0) -> bool:
    if value < x.low - slack or value > x.high + slack:
        return False
    return not ((value == x.low and x.low_open) or (value == x.high and x.high_open)) or slack > 0


BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else None,
    "maximum": max,
    "minimum": min,
    "join": lambda a, b: a,
}


@pytest.mark.parametrize("name", BINARY)
def test_binary_rules_hold_every_value(name: str) -> None:
    rng = random.Random(name)
    for _ in range(300):
        a, b = random_range(rng), random_range(rng)
        image = getattr(I, name)(a, b)
        for x in draws(a, rng):
            for y in draws(b, rng):
                value = BINARY[name](x, y)
                if value is not None:
                    assert contains(image, value, 1e-12), (a, b, x, y, value, image)


def test_open_ends_are_open_only_where_nothing_reaches_them() -> None:
    rng = random.Random(0)
    for _ in range(500):
        a, b = random_range(rng), random_range(rng)
        for name in ("add", "mul", "maximum", "minimum"):
            image = getattr(I, name)(a, b)
            for x in draws(a, rng):
                for y in draws(b, rng):
                    value = BINARY[name](x, y)
                    assert not (value == image.low and image.low_open), (name, a, b, x, y)
                    assert not (value == image.high and image.high_open), (name, a, b, x, y)


UNARY = {
    "absolute": (I.absolute, abs),
    "negative": (I.negative, lambda v: -v),
    "floor": (I.floor, math.floor),
    "exp": (lambda x: I.monotone("exp", x), math.exp),
    "expm1": (lambda x: I.between(x, "expm1", -1, INF), math.expm1),
    "sqrt": (lambda x: I.monotone("sqrt", x), lambda v: math.sqrt(v) if v >= 0 else None),
    "log": (lambda x: I.monotone("log", x), lambda v: math.log(v) if v > 0 else None),
    "tanh": (lambda x: I.between(x, "tanh", -1, 1), math.tanh),
    "sigmoid": (lambda x: I.between(x, "sigmoid", 0, 1), lambda v: 1 / (1 + math.exp(-v))),
    "softplus": (lambda x: I.between(x, "softplus", 0, INF), lambda v: math.log1p(math.exp(v))),
    "square": (lambda x: I.power(x, I.point(2)), lambda v: v * v),
    "cube": (lambda x: I.power(x, I.point(3)), lambda v: v**3),
    "root": (lambda x: I.power(x, I.point(0.25)), lambda v: v**0.25 if v >= 0 else None),
    "inverse": (lambda x: I.power(x, I.point(-1)), lambda v: 1 / v if v else None),
    "two": (lambda x: I.power(I.point(2), x), lambda v: 2.0**v),
    "mod": (lambda x: I.mod(x, I.point(3)), lambda v: v % 3.0),
}


@pytest.mark.parametrize("name", UNARY)
def test_unary_rules_hold_every_value(name: str) -> None:
    rng = random.Random(name)
    image, rule = UNARY[name]
    for _ in range(300):
        a = random_range(rng)
        for x in draws(a, rng):
            value = rule(x)
            if value is not None:
                assert contains(image(a), value, 1e-12), (a, x, value, image(a))


# -- programs of the literature --------------------------------------------------------------------

PROVED = {
    "exp(-exp(p) * softplus(x))": "(0, 1]",
    "sigmoid(x) ^ (1 / 16)": "(0, 1]",
    "1 - sigmoid(x)": "[0, 1)",
    "expand[D](1 - 2 ^ (-5 - index[H]()))": "[0.96875, 1)",
    "2 * sigmoid(x)": "(0, 2]",
    "tanh(x)": "[-1, 1]",
    "softmax[D](x)": "[0, 1]",
    "relu(x) ^ 2": "[0, inf)",
    "x * x": "[0, inf)",
    "exp(p)": "(0, inf)",
    "p": "(-inf, inf)",
    "sigmoid(x)[t-1]": "[0, 1]",
    "clamp(x, -1, 2)": "[-1, 2]",
    "l2norm[D](x)": "[-1, 1]",
    "expand[D](mean[D](sigmoid(x)))": "(0, 1]",
    "exp(-0.6 * sigmoid(x))": "[0.548812, 1)",
    "select(x > 0, sigmoid(x), 2)": "(0, 2]",
    "log(sigmoid(x))": "(-inf, 0]",
    "expand[D](dot[D](x, x))": "[0, inf)",
    "max(abs(x), exp(-x))": "(0, inf)",
}


@pytest.mark.parametrize("expression", PROVED)
def test_proved(expression: str) -> None:
    expression = expression.replace("expand[D](1 -", "expand[D](mean[H](1 -")
    expression += ")" if "mean[H](1 -" in expression else ""
    assert str(found(expression, "D, H", "param p[D] ~ uniform(0, 1)")) == PROVED.get(
        expression, str(PROVED.get(expression.replace("mean[H](1 -", "1 -")[:-1]))
    )


UNITS = {
    "l2norm[D](x)": True,
    "x / sqrt(dot[D](x, x) + 1e-6)": True,
    "x / max(sqrt(sum[D](x ^ 2)), 1e-6)": True,
    "x / (sqrt(sum[D](x * x)) + 0.1)": True,
    "x * (1 / sqrt(sum[D](x * x) + 1))": True,
    "l2norm[D](x)[t-1]": True,
    "sigmoid(x) * l2norm[D](x)": True,
    "2 * l2norm[D](x)": False,
    "x / sqrt(sum[D](x * x) - 1e-6)": False,
    "silu(x) / sqrt(sum[D](x * x) + 1e-6)": False,
    "x / sqrt(mean[D](x * x) + 1e-6)": False,
    "select(x > 0, l2norm[D](x), l2norm[D](silu(x)))": False,
    "max(l2norm[D](x), l2norm[D](silu(x)))": False,
    "l2norm[D](x) + l2norm[D](x)": False,
}


@pytest.mark.parametrize("expression", UNITS)
def test_units(expression: str) -> None:
    assert bool(found(expression).unit) == UNITS[expression]


def test_a_unit_vector_keeps_its_axis_through_a_call() -> None:
    """The callee's axis of that name is another one."""
    text = """op g[A, D](k: Seq[A], x: Seq[D]) -> Seq[D] {
  return x * expand[D](dot[A](k, k))
}
op f[D, B](x: Seq[D], y: Seq[B]) -> Seq[B] {
  return g(l2norm[D](x), y)
}
op h[D](k: Seq[D]) -> Seq[D] { return l2norm[D](k) }
op m[A, D](x: Seq[A, D]) -> Seq[A, D] { return x / sqrt(sum[A](x * x) + 1e-6) }"""
    function = symbolic(text, "m")
    assert ranges(function).values[function.outputs[0]].unit == ("A",)
    function = symbolic(text, "f")
    call = next(n for n in function.nodes() if n.op == "call" and n.attr("function").name == "g")
    frame = ranges(function)
    assert frame.values[call.args[0]].unit == ("D",)
    inner = frame.domain.known
    seen = [values[0].unit for (_, values), (f, _) in inner.items() if f.name == "g"]
    assert seen == [("A",)]


def test_names_of_headers_may_be_0() -> None:
    assert str(found("expand[D](min(L, 1) + 0 * mean[D](x))", "D, L")) == "(-inf, inf)"
    text = """op f[D, L](x: Seq[D]) -> Seq[D] where a in (0, 1] {
  a = 0 * sigmoid(x) + min(L, 1)
  return a
}"""
    assert [d.code for d in check(text).diagnostics] == ["E0407"]


# -- requirements ----------------------------------------------------------------------------------

CORE = """op core[D](x: Seq[D], f: Seq[D]) -> Seq[D] where f in (0, 1] {
  return cumsum[time](log(f)) + x
}
op through(x, g) { return core(x, g) }
"""
GOOD, BAD = "sigmoid(x)", "2 * x"
PLACES = {
    "plain": "return core(x, {})",
    "in a loop": "for n in L {{ x = core(x, {}) }}\nreturn x",
    "in an arm": "if L > 2 {{ x = core(x, {}) }}\nreturn x",
    "in both": "for n in L {{ if n % 2 == 1 {{ x = core(x, {}) }} }}\nreturn x",
    "below a definition of any type": "return through(x, {})",
    "carried": "g = sigmoid(x)\nfor n in L {{\nx = core(x, g)\ng = {}\n}}\nreturn x",
}


@pytest.mark.parametrize("place", PLACES)
def test_what_a_callee_requires_is_proved_at_every_call(place: str) -> None:
    def codes(value: str) -> list[str]:
        body = PLACES[place].format(value)
        text = f"{CORE}op f[D, L = 2](x: Seq[D]) -> Seq[D] {{\n{body}\n}}"
        return [d.code for d in check(text).diagnostics if d.severity == "error"]

    assert codes(GOOD) == []
    assert codes(BAD) == ["E0408"]


# -- random programs against the reference ---------------------------------------------------------


class Writer:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def program(self) -> str:
        rng = self.rng
        names = ["x", "y"]
        lines = ["param p[D] ~ normal(1)", "param q[D] ~ normal(1)"]
        for i in range(7):
            if rng.random() < 0.25:
                lines.append(f"state s{i}[D]")
                old = f"s{i}[t-1]"
                lines.append(f"s{i} = {self.value([*names, old])}")
                names.append(f"s{i}")
            elif rng.random() < 0.15:
                lines.append(f"for n{i} in L {{ {rng.choice(names[2:] or ['y'])} = "
                             f"{self.value(names)} }}")  # fmt: skip
            else:
                lines.append(f"v{i} = {self.value(names)}")
                names.append(f"v{i}")
        results = [n for n in names if n not in ("x", "y")] or ["x"]
        types = ", ".join(["Seq[D]"] * len(results))
        body = "\n".join([*lines, f"return {', '.join(results)}"])
        return f"op f[D, L = 2](x: Seq[D], y: Seq[D]) -> {types} {{\n{body}\n}}"

    def value(self, names: list[str]) -> str:
        rng = self.rng
        a, b = rng.choice(names), rng.choice([*names, "p", "q"])
        small = rng.choice(["0.5", "2", "-1", "-0.25", "3"])
        stream = rng.choice([n for n in names if "[" not in n])
        forms = [
            f"{a} * {b}", f"{a} + {b}", f"{a} - {b}", f"1 - {a}", f"{small} * {a}",
            f"sigmoid({a})", f"tanh({a})", f"softplus({a})", f"exp(-softplus({a}))", f"relu({a})",
            f"exp(min({a}, 3))", f"sqrt(abs({a}))", f"max({a}, {small})", f"min({a}, {b})",
            f"clamp({a}, -1, 2)", f"{a} ^ 2", f"sigmoid({a}) ^ (1 / 4)", f"abs({a})",
            f"{a} / (1 + abs({b}))", f"select({a} < {b}, {a}, {b})", f"softmax[D]({stream})",
            f"l2norm[D]({stream})", f"expand[D](mean[D]({stream}))", f"expand[D](max[D]({stream}))",
            f"expand[D](sum[D]({a}))", f"{stream}[t-1]", f"exp(-exp({b}) * softplus({a}))",
            f"cumsum[D]({stream})", f"floor({a})",
            f"cummax[time]({stream})", f"cumsum[time]({stream})", f"logsigmoid({a})", f"cos({a})",
            f"expand[D](dot[D]({a}, {b}))", f"expand[D](dot[D]({a}, {a}))", f"{a} % 3",
            f"2 ^ min({a}, 4)",
            f"attend j where j <= t {{ score: {stream}[t] @ {stream}[j]  value: {stream}[j] }}",
            f"attend j where j < t {{ weight: sigmoid  score: {stream}[t] @ {stream}[j]  "
            f"value: {stream}[j] }}",
            f"attend j where j < t {{ weight: linear  score: {stream}[t] @ {stream}[j]  "
            f"value: {stream}[j] }}",
            f"topk[D, 1]({stream})", f"sum[W](window[W = 2]({stream}))", f"sign({a})", f"erf({a})",
        ]  # fmt: skip
        return rng.choice(forms)


def outside(text: str, seed: int) -> list[str]:
    """Values of the reference that lie in no proved range."""
    function = symbolic(text)
    frame = ranges(function)
    rng = np.random.default_rng(seed)
    wrong: list[str] = []
    for size in (1, 3):
        flat = flatten(elaborate(text, "f", {"D": size, "L": 3}))
        params = {k: rng.standard_normal(v.shape) * 3 for k, v in initial_values(flat, 0).items()}
        streams = [rng.standard_normal((1, 6, size)) * s for s in (2.0, 0.5)]
        with np.errstate(all="ignore"):
            values = Reference(flat, params).evaluate(streams)
        for output, array in zip(function.outputs, values, strict=True):
            known = frame.values[output]
            for value in np.asarray(array).ravel():
                slack = 1e-9 * (1 + abs(value))
                if math.isfinite(value) and not contains(known, float(value), slack):
                    wrong.append(f"{value} is not in {known}\n{text}")
            if known.unit:
                norms = np.sqrt((np.asarray(array) ** 2).sum(-1))
                wrong += [f"norm {n}\n{text}" for n in norms.ravel() if n > 1 + 1e-9]
    return wrong


@pytest.mark.parametrize("seed", range(60))
def test_every_value_of_the_reference_is_in_its_range(seed: int) -> None:
    assert outside(Writer(seed).program(), seed) == []


def test_a_wrong_rule_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(I, "negative", lambda x: x)
    assert any(outside(Writer(seed).program(), seed) for seed in range(20))


# -- lints -----------------------------------------------------------------------------------------

LINTS = {
    "log(-exp(x))": ["W0104"],
    "log(-relu(x))": [],
    "sqrt(-1 - relu(x))": ["W0104"],
    "exp(1000 + relu(x))": ["W0104"],
    "x / relu(-sigmoid(x))": ["W0104"],
    "relu(-sigmoid(x)) * x": ["W0103"],
    "0 * x": [],
    "log(sigmoid(x))": [],
    "relu(sigmoid(x) - 0.5) * x": [],
}


@pytest.mark.parametrize("expression", LINTS)
def test_only_what_is_certain_is_warned_of(expression: str) -> None:
    text = f"op f[D](x: Seq[D]) -> Seq[D] {{\nreturn {expression}\n}}"
    assert [d.code for d in check(text).diagnostics] == LINTS[expression]
