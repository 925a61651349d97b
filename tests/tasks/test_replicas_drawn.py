"""Replicas of programs drawn at random: valid, and in the reference each is the program alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.codegen.torch_backend import emit
from asiarch.fuzz import draw
from asiarch.interface import elaborate, load_source
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.node import Node
from asiarch.ir.replicate import AXIS, Unreplicable, replicated
from asiarch.ir.verify import verify
from asiarch.laws.program import real

ROWS, TIME, COUNT = 2, 5, 2


@pytest.fixture(autouse=True, scope="module")
def deep() -> None:
    """The compiler raises Python's limit of recursion once; hypothesis warns of that in a test."""
    verify(drawn(0))


def drawn(seed: int) -> Function:
    program = draw(random.Random(seed))
    return elaborate(program.text, program.op, program.named_sizes)


def inputs(function: Function, seed: int) -> list[Any]:
    """Values of one replica: streams [rows, time, ...], Tensors [...]."""
    rng = np.random.default_rng(seed)
    found: list[Any] = []
    for leaf in function.inputs:
        shape = [int(function.axes[a].integer or 0) for a in leaf.type.axes]
        if leaf.type.mode == "token":
            size = int(function.axes[leaf.type.vocab or ""].integer or 0)
            found.append(rng.integers(0, size, (ROWS, TIME)))
            continue
        lead = (ROWS, TIME) if leaf.type.stream else ()
        found.append(rng.uniform(0.1, 0.9, (*lead, *shape)))
    return found


def stacked(leaf: Node, values: list[Any]) -> Any:
    return np.stack(values, 2 if leaf.type.stream else 0)


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def check(function: Function, several: Function) -> None:
    assert verify(several) == []
    flat, whole = flatten(function), flatten(several)
    values = [initial_values(flat, seed) for seed in range(COUNT)]
    places = {p.path: p.axes.index(AXIS) for p in whole.params}
    params = {path: np.stack([v[path] for v in values], at) for path, at in places.items()}
    given_ = [inputs(function, seed) for seed in range(COUNT)]
    joined = [stacked(x, [g[n] for g in given_]) for n, x in enumerate(function.inputs)]
    together = outputs(Reference(whole, params)(*joined))
    for place in range(COUNT):
        alone = outputs(Reference(flat, values[place])(*given_[place]))
        for mine, other, leaf in zip(together, alone, function.outputs, strict=True):
            part = np.take(mine, place, 2 if leaf.type.stream else 0)
            np.testing.assert_allclose(part, other, rtol=1e-8, atol=1e-10)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_each_replica_is_the_program_alone(seed: int) -> None:
    function = drawn(seed)
    try:
        several = replicated(function, COUNT)
    except Unreplicable:
        return
    check(function, several)


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 8])
def test_the_module_is_the_program(seed: int) -> None:
    """What the compiler makes of the replicas, against their token loop, in float64."""
    function = drawn(seed)
    several = replicated(function, COUNT)
    emitted = emit(several)
    values = [inputs(function, n) for n in range(COUNT)]
    joined = [stacked(x, [v[n] for v in values]) for n, x in enumerate(function.inputs)]
    verdict = real(flatten(several), load_source(emitted.source, emitted.entry), joined)
    assert verdict.ok, str(verdict)


def test_most_programs_have_replicas() -> None:
    refused = 0
    for seed in range(20):
        try:
            replicated(drawn(seed), COUNT)
        except Unreplicable:
            refused += 1
    assert refused <= 6


def test_replicas_that_share_a_weight_are_seen() -> None:
    """A planted fault: the first replica's weights in all of them."""
    text = "op m[D](x: Seq[D]) -> Seq[D] where causal { return linear[D](x) }"
    function = elaborate(text, "m", {"D": 3})
    flat = flatten(function)
    several = replicated(function, COUNT)
    check(function, several)
    value = initial_values(flat, 0)
    params = {k: np.stack([v, v]) for k, v in value.items()}
    x = [inputs(function, seed)[0] for seed in range(COUNT)]
    together = Reference(flatten(several), params)(np.stack(x, 2))
    alone = Reference(flat, initial_values(flat, 1))(x[1])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(together[:, :, 1], alone, rtol=1e-8)
