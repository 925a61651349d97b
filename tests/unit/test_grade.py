"""Grades: the interval of offsets that a value may read, against what is really read."""

from __future__ import annotations

import math
import random

import pytest

from asiarch.analysis.report import check
from asiarch.elaborate.program import Elaborator
from asiarch.interface import elaborate
from asiarch.ir.domains.grade import Grade, Grades, Reads, joined, shifted
from asiarch.ir.domains.taint import offsets_read
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.node import make
from asiarch.ir.types import SEQ
from asiarch.language.parser import parse

INF = math.inf
X = make("input", (), SEQ, name="x", index=0, of="test")
Y = make("input", (), SEQ, name="y", index=1, of="test")


def symbolic(text: str, name: str = "f") -> Function:
    elaborator = Elaborator()
    elaborator.load(parse(text), "<text>")
    functions = elaborator.check_all("<text>")
    assert not [d for d in elaborator.diagnostics if d.severity == "error"], elaborator.diagnostics
    return functions[name]


def grade(body: str, header: str = "D") -> Grade:
    function = symbolic(f"op f[{header}](x: Seq[D]) -> Seq[D] where lookahead(9) {{\n{body}\n}}")
    return Grades().summary(function)[0]


# -- the table -------------------------------------------------------------------------------------

TABLE = {
    "return silu(linear[D](x))": (0, 0),
    "return softmax[D](x) + expand[D](mean[D](x))": (0, 0),
    "return x[t-3]": (-3, -3),
    "return x + x[t+2]": (0, 2),
    "return x[t-1][t-1] + x[t+2]": (-2, 2),
    "return conv[4](x)": (-3, 0),
    "return conv[4, dilation = 3](x)": (-9, 0),
    "return conv[4](x[t-2])": (-5, -2),
    "return sum[W](window[W = 3](x))": (-2, 0),
    "return cumsum[time](x)": (-INF, 0),
    "return cummax[time](x[t-1])": (-INF, -1),
    "return logcumsumexp[time](x)": (-INF, 0),
    "return cummean[time](x)": (-INF, 0),
    "return mean[time](x)": (-INF, INF),
    "return softmax[time](x)": (-INF, INF),
    "state S[D]\nS = 0.5 * S[t-1] + x\nreturn S": (-INF, 0),
    "state S[D]\nS = 0.5 * S[t-1] + x\nreturn S[t-1]": (-INF, -1),
    "state S[D]\nS = 0.5 * S[t-1] + x[t-2]\nreturn S": (-INF, -2),
    "state S[D]\ny = S[t-1]\nS = x\nreturn y": (-1, -1),
    "state S[D]\nstate R[D]\nS = R[t-1] + x\nR = S\nreturn R": (-INF, 0),
    "return attend j where t - 8 < j <= t { score: 0 * (t - j)  value: x[j] }": (-7, 0),
    "return attend j where j < t { score: x[t] @ x[j]  value: x[j] }": (-INF, 0),
    "return attend j where t - 2 <= j <= t + 1 { score: 0 * (t - j)  value: x[j] }": (-2, 1),
    "y = x[t-2]\nreturn attend j where t - 2 <= j <= t { score: 0 * (t - j)  value: y[j] }":
        (-4, -2),
    "for n in L { x = x[t-1] }\nreturn x": (-INF, 0),
    "for n in 3 { x = x[t-1] }\nreturn x": (-3, -3),
    "for n in 40 { x = x[t-1] }\nreturn x": (-INF, -1),
    "for n in 2 { x = conv[4](x) }\nreturn x": (-6, 0),
    "if L > 3 { y = x[t-5] } else { y = x }\nreturn y": (-5, 0),
}  # fmt: skip


@pytest.mark.parametrize("body", TABLE)
def test_table(body: str) -> None:
    assert grade(body, "D, L").span == TABLE[body]


def test_flags() -> None:
    assert grade("return mean[time](x)").whole
    assert not grade("return cumsum[time](x)").whole
    assert grade("return x * (t + 1)").anchored
    assert not grade("return x[t-1]").anchored
    assert grade(
        "return attend j where t - t % 8 <= j <= t { score: 0 * (t - j)  value: x[j] }"
    ).anchored


def test_losses_are_exempt() -> None:
    text = "op f[D](x: Seq[D]) -> Seq[D] where causal {\nloss (x[t+1] - x) ^ 2\nreturn x\n}"
    assert check(text).ok


def test_every_input_has_its_own_interval() -> None:
    function = symbolic(
        "op f[D](x: Seq[D], y: Seq[D]) -> Seq[D], Seq[D] { return x[t-1] + y, conv[3](y) }"
    )
    first, second = Grades().summary(function)
    x, y = function.inputs
    assert (first.of(x), first.of(y)) == (Reads(-1, -1), Reads(0, 0))
    assert (second.of(x), second.of(y)) == (None, Reads(-2, 0))


def test_calls_compose() -> None:
    text = """op g[D](x: Seq[D], y: Seq[D]) -> Seq[D] { return x[t-1] + y[t-3] }
op f[D](x: Seq[D]) -> Seq[D] { return g(conv[3](x), x[t-1]) }"""
    assert Grades().summary(symbolic(text))[0].span == (-4, -1)


# -- the algebra -----------------------------------------------------------------------------------


def random_grade(rng: random.Random) -> Grade:
    reads = []
    for leaf in (X, Y):
        if rng.random() < 0.8:
            low = rng.choice([-INF, -3, -1, 0])
            reads.append((leaf, Reads(low, max(low, rng.choice([-2, 0, 1, INF])))))
    return joined(Grade(tuple(reads), rng.random() < 0.2, rng.random() < 0.2))


def test_join_and_composition_are_a_semiring() -> None:
    rng = random.Random(1)
    for _ in range(200):
        a, b, c = (random_grade(rng) for _ in range(3))
        assert joined(a, b) == joined(b, a)
        assert joined(a, joined(b, c)) == joined(joined(a, b), c)
        assert joined(a, a) == joined(a)
        assert shifted(joined(a, b), -2, 1) == joined(shifted(a, -2, 1), shifted(b, -2, 1))
        assert shifted(shifted(a, -1, 0), -2, 1) == shifted(a, -3, 1)


# -- what was once missed --------------------------------------------------------------------------


def chain(length: int) -> str:
    """States in a ring: what enters the first reaches the last after `length` rounds."""
    lines = [f"state s{i}[D]" for i in range(length)]
    lines.append(f"s0 = s{length - 1}[t-1] + mean[time](x)")
    lines += [f"s{i} = s{i - 1}[t-1] + x" for i in range(1, length)]
    return "\n".join([*lines, f"return s{length - 1}"])


def rotation(length: int) -> str:
    """Carried names that move one place an iteration."""
    lines = [f"a{i} = x" for i in range(length - 1)]
    lines.append(f"a{length - 1} = mean[time](x)")
    moves = "\n".join(f"a{i} = a{i + 1}" for i in range(length - 1))
    return "\n".join([*lines, f"for n in L {{\n{moves}\n}}", "return a0"])


@pytest.mark.parametrize("length", [2, 4, 12, 30])
def test_long_ways_are_followed_to_the_end(length: int) -> None:
    for body in (chain(length), rotation(length)):
        text = f"op f[D, L = 40](x: Seq[D]) -> Seq[D] where causal {{\n{body}\n}}"
        assert [d.code for d in check(text).diagnostics if d.severity == "error"] == ["E0301"]
        assert check(text.replace("mean[time](x)", "x[t-1]")).ok


def test_a_loop_that_forgets_is_judged_after_one_iteration_too() -> None:
    """With L = 1 the result is what the second iteration would overwrite."""
    text = """op f[D, L](x: Seq[D]) -> Seq[D] where causal {
  y = x
  c = mean[time](x)
  for n in L {
    y = c
    c = x
  }
  return y
}"""
    assert [d.code for d in check(text).diagnostics] == ["E0301"]


# -- random programs -------------------------------------------------------------------------------


class Writer:
    """Random programs over streams of one axis, lookahead, loops, branches and states in them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.count = 0

    def program(self) -> str:
        lines = self.block(["x", "y"], 4, "  ", 2)
        return (
            "op f[D, L = 3](x: Seq[D], y: Seq[D]) -> Seq[D] where lookahead(40) {\n"
            + "\n".join(lines)
            + "\n}"
        )

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def block(self, names: list[str], size: int, pad: str, depth: int) -> list[str]:
        rng, own, lines = self.rng, list(names), list[str]()
        for _ in range(size):
            kind = rng.random()
            if depth and kind < 0.2:
                kept = rng.choice(own)
                inner = self.block(own, 2, pad + "  ", depth - 1)[:-1]
                source = rng.choice(own)
                head = f"for n{self.fresh('')} in L" if rng.random() < 0.6 else "if L > 2"
                lines += [f"{pad}{head} {{", *inner, f"{pad}  {kept} = {self.value(own)}"]
                lines += [f"{pad}  {source} = {self.value(own)}", f"{pad}}}"]
            elif kind < 0.4:
                state, name = self.fresh("S"), self.fresh("v")
                lines.append(f"{pad}state {state}[D]")
                lines.append(f"{pad}{state} = 0.5 * {state}[t-1] + {self.value(own)}")
                lines.append(f"{pad}{name} = {state}{rng.choice(['', '[t-1]', '[t-2]'])}")
                own.append(name)
            else:
                name = self.fresh("v")
                lines.append(f"{pad}{name} = {self.value(own)}")
                own.append(name)
        return [*lines, f"{pad}return {own[-1]} + {rng.choice(own)}"]

    def value(self, names: list[str]) -> str:
        rng = self.rng
        a, b = rng.choice(names), rng.choice(names)
        forms = [
            f"{a} * {b}", f"{a} + {b}", f"{a}[t-{rng.randint(1, 3)}]",
            f"{a}[t+{rng.randint(1, 2)}]",
            f"conv[{rng.randint(1, 3)}]({a})", f"cumsum[time]({a})", f"{a} - {b}[t-1]",
            f"attend j where {self.condition()} {{ score: {a}[t] @ {b}[j]  value: {b}[j] }}",
        ]  # fmt: skip
        if rng.random() < 0.05:
            return f"mean[time]({a})"
        return rng.choice(forms)

    def condition(self) -> str:
        k, m = self.rng.randint(1, 4), self.rng.randint(2, 3)
        return self.rng.choice(
            ["j <= t", "j < t", f"t - {k} < j <= t", f"j <= t + {k}",
             f"j <= t and (t - j) % {m} == 1",
             f"t - t % {m} <= j <= t", f"j < t + {k} / 2", f"(j < 2 or t - {k} < j) and j <= t"]
        )  # fmt: skip


def outside(text: str) -> list[str]:
    """Offsets that are read and lie in no grade, with several numbers of iterations."""
    function = symbolic(text)
    (found,) = Grades().summary(function)
    wrong: list[str] = []
    for count in (1, 2, 3, 7):
        flat = flatten(elaborate(text, "f", {"D": 1, "L": count}))
        for (_, which), offsets in offsets_read(flat, 9).items():
            reads = found.of(function.inputs[which])
            if reads is None or min(offsets) < reads.low or reads.high < max(offsets):
                wrong.append(f"L = {count}: input {which} at {sorted(offsets)}, {reads}\n{text}")
    return wrong


@pytest.mark.parametrize("seed", range(60))
def test_what_is_read_is_in_the_grade(seed: int) -> None:
    assert outside(Writer(seed).program()) == []


def test_a_grade_that_forgets_an_iteration_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random programs tell a wrong rule for delays."""
    monkeypatch.setattr(Grades, "delay", lambda self, node, x: x)
    assert any(outside(Writer(seed).program()) for seed in range(20))
