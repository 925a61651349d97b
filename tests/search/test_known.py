"""A checker of many texts makes of each what a fresh one makes, its places apart."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from asiarch.elaborate import known
from asiarch.fuzz import Program, change
from asiarch.ir.function import Function
from asiarch.search.checked import Checked, Checker
from asiarch.search.library import panel

SHARED = """op inner[D, H](x: Seq[D]) -> Seq[D] {
  return linear[H -> D](linear[H](x))
}

op mixer[D, H = 2](x: Seq[D]) -> Seq[D] where causal {
  a = inner(x)
  b = linear[H](a)
  b2 = linear[H -> H](b)
  state S[H]
  S = S[t-1] / 2 + b
  c = S[t-2] + b2
  return linear[H -> D](c) + inner(a)
}
"""
CHANGED = [
    ("  c =", "  c0 = S[t-2]\n  c ="),
    ("linear[H -> D](linear[H](x))", "linear[H -> D](silu(linear[H](x)))"),
    ("a = inner(x)", "a = x"),
    ("H = 2", "H = 3"),
    ("  b2 =", "  d = conv[3](b)\n  b2 ="),
    ("S[t-1] / 2", "S[t-2] / 2"),
    ("state S[H]", "param s[H] ~ const(1)\n  state S[H] = s"),
    ("c = S[t-2] + b2", "c = S[t-2] + missing"),
    ("inner(x)", "inner(x)[t+1]"),
    ("[D, H = 2]", "[D, H = 2, W = 4]"),
    ("linear[H -> D](linear[H](x))", "linear[D -> D](linear[D](x))"),
    ("return linear[H -> D](c)", "return linear[H](c)"),
]


HEAD = "op mixer[D, H = 2](x: Seq[D]) -> Seq[D] where causal {\n"
SAME = [  # the last statements are the same, and mean or may something else
    HEAD + "  w = window[P = 2](x)\n  e = linear[P](x)\n  return linear[P -> D](e)\n}\n",
    HEAD + "  w = window[P = 3](x)\n  e = linear[P](x)\n  return linear[P -> D](e)\n}\n",
    HEAD.replace("causal", "lookahead(1)") + "  e = x[t+1]\n  return e\n}\n",
    HEAD.replace("where causal ", "") + "  e = x[t+1]\n  return e\n}\n",
    HEAD + "  e = linear[H](x)\n  f = linear[H](x)\n  return linear[H -> D](f)\n}\n",
    HEAD + "  f = linear[H](x)\n  return linear[H -> D](f)\n}\n",
]


def texts() -> Iterator[str]:
    yield from SAME
    for old, new in CHANGED:
        yield from (SHARED, SHARED.replace(old, new))
    rng = random.Random(5)
    for entry in panel()[:6]:
        program = Program(entry.text, entry.op, (("D", 8), ("H", 2)))
        for _ in range(6):
            yield program.text
            program = change(program, rng)[0]


def listed(function: Function) -> list[object]:
    """What a function says, without what is its own object in every run."""
    calls = [n.attr("function").name for n in function.nodes() if n.op == "call"]
    tables = [function.names, function.hints, function.spans]
    return [
        function.axes, function.header, function.defaults, function.bindings, calls,
        [(p.path, p.axes, p.initial) for p in function.params],
        [(s.name, s.leaf) for s in function.states],
        [(n.op, n.type, len(n.args)) for n in function.nodes()],
        [[(str(k), str(v)) for k, v in table.items()] for table in tables],
    ]  # fmt: skip


def shown(checked: Checked) -> list[object]:
    facts = checked.facts.items()
    return [
        [(e.code, e.message) for e in checked.errors],
        {name: listed(f) for name, f in checked.functions.items()},
        {name: (f.entries, f.cost, f.span, f.causal) for name, f in facts},
    ]


def test_what_is_known_is_what_would_be_made() -> None:
    checker = Checker()
    for text in texts():
        checker.kept.clear()
        assert shown(checker.check(text)) == shown(Checker().check(text)), text


def test_one_helper_is_one_function() -> None:
    """Calls of a helper are one node, whether they were known or not."""
    checker = Checker()
    first = checker.check(SHARED).functions
    again = checker.check(SHARED.replace("return linear[H -> D](c)", "return inner(a)")).functions
    assert again["inner"] is first["inner"]
    called = {n.attr("function") for n in again["mixer"].nodes() if n.op == "call"}
    assert called == {first["inner"]}


def held(checker: Checker) -> int:
    return len(checker._memory.statements) + len(checker._memory.numbers)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over the bound is dropped before the next text, and that text's own is all there is.
    Nothing else changes by it.
    """
    most = 8
    monkeypatch.setattr(known, "MOST", most)
    checker, dropped, before = Checker(), 0, 0
    for text in texts():
        checker.kept.clear()
        alone = Checker()
        assert shown(checker.check(text)) == shown(alone.check(text)), text
        assert held(checker) <= most + held(alone)
        assert len(checker._memory.functions) <= len(checker._memory.numbers)
        dropped += held(checker) < before
        before = held(checker)
    assert dropped
