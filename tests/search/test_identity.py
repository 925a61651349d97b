"""One design has one hash however it is written; what computes something else has another."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.elaborate.program import Elaborator
from asiarch.fuzz import Program, change, draw, programs
from asiarch.fuzz.edit import KINDS, Place
from asiarch.fuzz.respell import respelled
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.language.parser import parse
from asiarch.search.checked import Checker
from asiarch.search.identity import Identifier, Identity, identify
from asiarch.search.library import entries

MIXER = """op mixer[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = linear[H, K](x)
  k = x |> linear[H, K] |> silu |> l2norm[K]
  v = linear[H, K](x)
  b = sigmoid(linear[H](x))
  param bias[H] ~ const(2)
  a = sigmoid(linear[H](x) + bias)
  state S[H, K, V]
  S = a * S[t-1] + b * k * (rename[K -> V](v) - k @ (a * S[t-1]))
  o = q @ S
  return linear[H, V -> D](rmsnorm[V](o))
}
""".replace("K = D / H]", "K = D / H, V = D / H]")


def function(text: str, op: str | None = None) -> Function:
    elaborator = Elaborator()
    elaborator.load(parse(text), "<text>")
    found = elaborator.check_all("<text>")
    assert not [d for d in elaborator.diagnostics if d.severity == "error"], text
    return found[op or list(found)[-1]]


def digest(text: str, **sizes: int) -> str:
    return identify(function(text), sizes).digest


def renamed(text: str, table: Mapping[str, str]) -> str:
    return re.sub(r"\b[A-Za-z]\w*\b", lambda m: table.get(m[0], m[0]), text)


def test_the_hash_of_a_design_stays() -> None:
    """It is a key of stores: another hash for what was measured must be a decision."""
    assert digest(MIXER)[:16] == "84b211c9eb3936d9"


def test_names_and_axes_do_not_count() -> None:
    names = "q z k y v w b rate a decay bias offset S Memory o read mixer other K Keys V Width H G"
    words = names.split()
    table = dict(zip(words[::2], words[1::2], strict=True))
    assert digest(renamed(MIXER, table)) == digest(MIXER)


def test_the_order_of_statements_does_not_count() -> None:
    lines = MIXER.splitlines()
    head, body, tail = lines[:1], lines[1:8], lines[8:]
    for seed in range(6):
        moved = body[:]
        random.Random(seed).shuffle(moved)
        if moved.index(body[4]) > moved.index(body[5]):  # the parameter before its use
            continue
        assert digest("\n".join([*head, *moved, *tail])) == digest(MIXER)


def test_dead_code_and_layout_do_not_count() -> None:
    dead = MIXER.replace("  o = q @ S\n", "  param u[K] ~ const(1)\n  w = k * u\n  o = q @ S\n")
    assert digest(dead) == digest(MIXER)
    assert digest(MIXER.replace("  ", " ").replace(" + ", "\n   + ")) == digest(MIXER)


def test_a_call_is_what_it_says() -> None:
    inlined = MIXER.replace(
        "  return linear[H, V -> D](rmsnorm[V](o))",
        "  param w[V] ~ const(1)\n  return linear[H, V -> D](o / sqrt(mean[V](o * o) + 1e-6) * w)",
    )
    assert digest(inlined) == digest(MIXER)
    core = """op core[H, A, B](q: Seq[H, A], k: Seq[H, A], v: Seq[H, B], a: Seq[H], b: Seq[H])
  -> Seq[H, B] where causal {
  state S[H, A, B]
  S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  return q @ S
}
"""
    called = re.sub(r"  state.*\n  S = .*\n", "", MIXER)
    called = called.replace("q @ S", "core(q, k, rename[K -> V](v), a, b)")
    assert digest(core + called) == digest(MIXER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("S = a * S[t-1] + b * k * (rename[K -> V](v) - k @ (a * S[t-1]))",
         "S = a * S[t-1] - b * (k * (a * k @ S[t-1])) + rename[K -> V](v) * b * k"),
        ("S = a * S[t-1] + b * k * (rename[K -> V](v) - k @ (a * S[t-1]))",
         "R = S[t-1] * a\n  S = R + k * b * (rename[K -> V](v) - sum[K](R * k))"),
        ("o = q @ S", "o = sum[K](S * q)"),
        ("o = q @ S", "o = 0.5 * (q @ S + dot[K](S, q))"),
        ("sigmoid(linear[H](x) + bias)", "sigmoid(bias - (-linear[H](x)))"),
    ],
)  # fmt: skip
def test_known_algebra_does_not_count(old: str, new: str) -> None:
    assert old in MIXER
    assert digest(MIXER.replace(old, new)) == digest(MIXER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("k @ (a * S[t-1])", "k @ S[t-1]"),
        ("o = q @ S", "o = q @ S[t-1]"),
        ("o = q @ S", "o = k @ S"),
        ("const(2)", "const(1)"),
        ("param bias[H]", "param bias[K]"),
        ("v = linear[H, K](x)", "v = q"),
        ("silu", "relu"),
        ("l2norm[K]", "l2norm[H]"),
        ("V = D / H]", "V = D / H / 2]"),
        ("b * k *", "b * k * 2 *"),
        ("(x: Seq[D])", "(x: Seq[D])"),
    ],
)
def test_near_misses_have_another_hash(old: str, new: str) -> None:
    if old == new:
        return
    assert old in MIXER
    text = MIXER.replace(old, new)
    if "bias[K]" in text:
        text = text.replace("linear[H](x) + bias", "linear[H](x) + mean[K](bias)")
    assert digest(text) != digest(MIXER)


def test_shared_weights_are_no_pair_of_equal_ones() -> None:
    """The walk decides where colours cannot: a pairing of equal parameters."""
    head = "op f[D, H](x: Seq[D]) -> Seq[H] where causal {\n  a = x\n  b = x[t-1]\n"
    weights = "  param u[D, H] ~ normal(1)\n  param w[D, H] ~ normal(1)\n"
    one = "  return (a @ u) * (b @ u) + (a @ w) * (b @ w)\n}\n"
    other = "  return (a @ u) * (b @ w) + (a @ w) * (b @ u)\n}\n"
    assert digest(head + weights + one) != digest(head + weights + other)
    swapped = renamed(one, {"u": "w", "w": "u"})
    assert digest(head + weights + one) == digest(head + weights + swapped)


def test_sizes_count_and_defaults_are_sizes() -> None:
    text = (
        "op f[D, W = 4](x: Seq[D]) -> Seq[D] where causal {\n"
        "  return attend j where t - W < j <= t { score: x[t] @ x[j]  value: x[j] }\n}\n"
    )
    assert digest(text) == digest(text, W=4) != digest(text, W=5)
    assert digest(text.replace("W = 4", "U = 5").replace("W", "U")) == digest(text, W=5)


def test_loops_are_what_they_repeat() -> None:
    head = "op f[D, L = 2](x: Seq[D]) -> Seq[D] where causal {\n  y = x\n"
    loop = head + "  for n in L {\n    y = y + tanh(linear[D](y)) / (n + 1)\n  }\n  return y\n}\n"
    flat = head + "  y = y + tanh(linear[D](y))\n  y = y + tanh(linear[D](y)) / 2\n  return y\n}\n"
    assert digest(loop) == digest(flat) != digest(loop, L=3)


@settings(max_examples=30, deadline=None, database=None)
@given(programs(), st.randoms(use_true_random=False))
def test_every_respelling_has_the_same_hash(program: Program, rng: Any) -> None:
    other = respelled(program.text, rng)
    assert digest(other) == digest(program.text), other


@pytest.mark.parametrize(
    "name",
    ["gated_delta_net.gated_delta_net", "kda.kda", "mla.mla", "xlstm.mlstm",
     "hier_gate_mem.hier_gate_mem", "ttt.ttt_linear"],
)  # fmt: skip
def test_the_library_respelled(name: str) -> None:
    entry = next(e for e in entries() if e.name == name)
    for seed in range(4):
        other = respelled(entry.text, random.Random(seed))
        assert (
            identify(function(other, entry.op)).digest
            == identify(function(entry.text, entry.op)).digest
        )


def test_one_identifier_says_what_a_fresh_one_says() -> None:
    """What is shared between candidates changes no hash."""
    shared = Identifier()
    texts = [MIXER]
    rng = random.Random(3)
    program = Program(MIXER, "mixer", (("D", 4), ("H", 2)))
    for _ in range(25):
        program = change(program, rng)[0]
        texts.append(program.text)
    for text in [*texts, *texts[::-1]]:
        made = function(text)
        assert shared.of(made).digest == identify(made).digest


def test_equal_hashes_are_equal_functions() -> None:
    """Neighbours of drawn programs: where the hash stays, so do the numbers, parameters matched by
    the identity.
    """
    checker = Checker()
    same = other = 0
    for seed in range(40):
        rng = random.Random(seed)
        program = draw(rng)
        mine = identify(function(program.text, program.op), program.named_sizes)
        place = Place(program.text, parse(program.text).program, rng, None)
        for _ in range(4):
            found = KINDS[rng.choice([k for k in KINDS if k != "crossover"])](place)
            if found is None:
                continue
            start, old, new = found
            text = program.text[:start] + new + program.text[start + len(old) :]
            checked = checker.check(text)
            if checked.errors or program.op not in checked.functions:
                continue
            its = identify(checked.functions[program.op], program.named_sizes)
            if its.digest != mine.digest:
                other += 1
                continue
            same += 1
            _equal(program, mine, replace(program, text=text), its)
    assert same >= 5
    assert other >= 40


def _equal(a: Program, mine: Identity, b: Program, its: Identity) -> None:
    left, right = (flatten(elaborate(p.text, p.op, p.named_sizes)) for p in (a, b))
    values = initial_values(left, 0)
    theirs = dict(initial_values(right, 0))
    before = {p.path: p.axes for p in left.params}
    after = {p.path: p.axes for p in right.params}
    for one, two in zip(mine.live, its.live, strict=True):
        order = [before[one].index(axis) for axis in after[two]]
        theirs[two] = np.asarray(values[one]).transpose(order)
    rng = np.random.default_rng(0)
    streams: list[Any] = []
    for leaf in left.inputs:
        if leaf.type.mode == "token":
            streams.append(rng.integers(0, 7, (1, 9)))
            continue
        shape = [int(left.axes[x].integer or 0) for x in leaf.type.axes]
        streams.append(rng.standard_normal((*((1, 9) if leaf.type.stream else ()), *shape)))
    for x, y in zip(Reference(left, values).evaluate(streams),
                    Reference(right, theirs).evaluate(streams), strict=True):  # fmt: skip
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-8)


def test_forms_that_are_shared_keep_first_values_apart() -> None:
    """One identifier for two programs whose parameter has one path and starts otherwise."""
    identifier, other = Identifier(), MIXER.replace("const(2)", "const(3)")
    first, second, again = (identifier.of(function(t)).digest for t in (MIXER, other, MIXER))
    assert first == again == digest(MIXER)
    assert second == digest(other) != first


TIED = """op swa_mixer[D, H = 2, K = D / H, W = 16](x: Seq[D]) -> Seq[D] where causal {
  q = x |> linear[H, K] |> rope[K]
  k = x |> linear[H, K] |> rope[K]
  v = x |> linear[H, K]
  o = attend j where t - W < j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
  v1 = dot[W](linear[D -> H, W](x), linear[H, K -> W](v))
  param p2[H] ~ normal(0.5)
  v3 = logsigmoid((p2 - p2) * mean[H, K](k))
  state m4[H]
  state c5[H]
  m4 = max(v3 + m4[t-1], v1)
  c5 = (exp(v3 + m4[t-1] - m4) * c5[t-1] + exp((v1 - m4) * sigmoid(linear[D -> H](x)))
    + (x |> linear[H] |> sigmoid))
  o6 = c5 / max(abs(c5), 0.5)
  mix1 = sigmoid(linear[D](x))
  return (1 - mix1)
}
"""
"""Two axes of this stand in the same places, and no round of colours tells them apart."""


def test_what_was_seen_before_changes_no_hash() -> None:
    """Forms are shared, and stand in the order in which they were met."""
    shared = Identifier()
    functions = {e.name: function(e.text, e.op) for e in entries()}
    for made in functions.values():
        shared.of(made, {n: v for n, v in {"H": 2, "layer": 1}.items() if n in made.header})
    again = {name: shared.of(made).digest for name, made in functions.items()}
    assert again == {name: identify(made).digest for name, made in functions.items()}


HEAD = "op mixer[D, H = 2](x: Seq[D]) -> Seq[D] where causal {\n"
SAME_NAMES = {
    "a word is no axis": (
        HEAD + "  return conv[4](x)\n}\n",
        HEAD + "  return conv[4, dilation = 2](x)\n}\n",
    ),
    "an axis of another size": (
        "op inner[D, H](x: Seq[D]) -> Seq[D] { return linear[H -> D](linear[H](x)) }\n"
        + HEAD + "  return inner[H = 3](x)\n}\n",
        HEAD + "  return linear[H -> D](linear[H -> H](linear[H](x)))\n}\n",
    ),
    "a state that only remembers": (
        HEAD + "  state S[D]\n  state M[D]\n  S = x / 2 + S[t-1] / 2\n  M = S[t-1]\n"
        "  return S + M[t-1]\n}\n",
        HEAD + "  state S[D]\n  state M[D]\n  S = x / 2 + S[t-1] / 2\n  M = x * x\n"
        "  return S + M[t-1]\n}\n",
    ),
}  # fmt: skip
"""Pairs in which a name stands for two things."""


@pytest.mark.parametrize("pair", SAME_NAMES.values(), ids=SAME_NAMES)
def test_a_name_that_meant_something_else_before_changes_no_hash(pair: tuple[str, str]) -> None:
    for texts in (pair, pair[::-1]):
        shared = Identifier()
        assert [shared.of(function(t)).digest for t in texts * 2] == [digest(t) for t in texts * 2]


def test_another_process_gives_the_same_hash() -> None:
    """Names are hashed otherwise in each process, and sets of them are in another order."""
    code = (
        "from asiarch.search.checked import Checker; from asiarch.search.identity import identify;"
        "import sys; found = Checker().check(sys.argv[1]).functions['swa_mixer'];"
        "print(identify(found).digest)"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code, TIED], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(4)
    }  # fmt: skip
    assert len(made) == 1
