"""Planted faults: one-hunk patches of what is shipped, each found by an ordinary law or oracle.

`pytest tests/fault -s -k table` prints which laws find which fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from asiarch import laws
from asiarch.interface import load_source
from asiarch.laws.program import exact, real, single
from tests.laws.classes import CLASSES
from tests.laws.programs import CORES, MIXERS, Program, compiled, flat, of, streams

GDN = next(p for p in MIXERS if p.op == "gated_delta_net")
FOX = next(p for p in MIXERS if p.op == "fox")
ALIBI = next(p for p in MIXERS if p.op == "alibi_attention")
SINKS = next(p for p in MIXERS if p.op == "sinks")
GRU = next(p for p in MIXERS if p.op == "gru")
DELTA, KDA, RULE, GLA = CORES[:4]
BY_NAME = {p.op.removesuffix("_core"): p for p in CLASSES}
PRODUCT, GSA, MAMBA1, RGLRU = (BY_NAME[n] for n in ("delta_product", "gsa", "mamba1", "rg_lru"))
MOMENTUM, MIXED, OJA = (BY_NAME[n] for n in ("momentum", "momentum_diagonal", "oja"))
WINDOW = of("attention", "sliding", D=8, H=2, W=6)


@dataclass(frozen=True, eq=False)
class Fault:
    """`old` stands in the emitted text and becomes `new`; `by` must be among what finds it."""

    name: str
    program: Program
    old: str
    new: str
    by: str

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


FAULTS = [
    # recurrences
    Fault("lost carry between chunks", DELTA, "live = step(*part, live)",
          "live = step(*part, live) * 0", "ring"),
    Fault("lost carry backwards", DELTA, "parts[::-1] if back else parts:", "parts:", "ring"),
    Fault("output times 1.01", DELTA, "return o, last\n", "return o * 1.01, last\n", "float32"),
    Fault("mask off by one", DELTA, "ones.triu()", "ones.triu(1)", "ring"),
    Fault("one diagonal of the scores too many", DELTA, "* ones.tril()\n",
          "* (ones - ones.triu(2))\n", "prefix"),
    Fault("the erase term reads the undecayed state", DELTA, "(w @ k.mT) * erase",
          "(w @ k.mT) * pad(erase[:, :-1], (0, 0, 1, 0))", "ring"),
    Fault("read point: before the token", DELTA, "return (q @ k.mT) * decay",
          "return ((q @ k.mT) * decay).tril(-1)", "ring"),
    Fault("the write key erases", DELTA, "v, a, k, state.get", "v, a, b[..., None] * k, state.get",
          "ring"),
    Fault("a clamped decay", DELTA, "chunks.split(a, 1.0)", "chunks.split(a.clamp(min=1e-4), 1.0)",
          "hard data (float64)"),
    Fault("the log of a clamped decay", DELTA, "decay = erase = Decays.apply(a)",
          "g = a.clamp(min=1e-6).log().cumsum(1)\n    decay = erase = "
          "(g[:, :, None] - g[:, None]).exp().tril()", "hard data (float64)"),
    Fault("a power series for the solve", RULE, "solve = inverse(lower)\n            u, w",
          "m = lower.tril(-1)\n            solve = torch.eye(m.shape[1]).to(m) - m + m @ m"
          "\n            u, w", "ring"),
    Fault("padding decays", GLA, "chunks.split(a, 1.0)", "chunks.split(a, 0.0)", "streaming"),
    Fault("no gradient through the carried decay", DELTA,
          "(before * after).sum_to_size(total.shape)", "0 * total", "ring"),
    Fault("the state's own gradient is lost", DELTA, "(-d_v @ y.mT).tril(-1)",
          "(-d_v @ y.mT).tril(-1) * 0", "ring"),
    Fault("a decay of one token too few", KDA, "p2 * t1", "p2", "ring"),
    Fault("the last state is the first", GLA, "state[: len(live)] = live\n        return",
          "return", "streaming"),
    Fault("documents in one chunk", DELTA, "rows.pos // self.size", "rows.pos // self.size * 0",
          "packing"),
    Fault("the token loop forgets its state", GRU, "return (h,), (h,)", "return (h * 0,), (h,)",
          "ring"),
    Fault("a document starts from its neighbour's state", GRU, "if t in begins:",
        "if t in begins and t == 0:",
          "packing"),
    # products, values, entries, coupled states
    Fault("factors in the wrong order", PRODUCT, "torch.stack(factors, 2)",
          "torch.stack(factors[::-1], 2)", "ring"),
    Fault("a product read before its last factor", PRODUCT, "[:, 3::4]", "[:, 2::4]", "ring"),
    Fault("one factor does not decay", PRODUCT, "    a,\n", "    1 + 0 * a,\n", "ring"),
    Fault("a value decayed since the border only", GSA, "p2 * ((late @ early.mT) @ keys)",
          "(late @ early.mT) @ keys", "ring"),
    Fault("a key not decayed to the border", GSA, "h))[:, :, 0] * s1\n", "h))[:, :, 0]\n",
          "ring"),
    Fault("a read along values forgets the carry", GSA, "torch.addcmul(inner, scale, query",
          "torch.addcmul(inner, 0 * scale, query", "ring"),
    Fault("a read along values before the decay", GSA, "before = a * before", "pass", "ring"),
    Fault("a scan forgets the carry", RGLRU, "torch.addcmul(y, products, start)], 1), before",
          "y], 1), before", "ring"),
    Fault("the adjoint of a scan one token late", RGLRU, ".roll(1, 1)", "", "ring"),
    Fault("padding erases in a scan", RGLRU, "given = chunks.split(a, 1.0)",
          "given = chunks.split(a)", "streaming"),
    Fault("a decay is used twice", MAMBA1, "products[i] = products[i] * products[i - 1]",
          "products[i] = products[i] * products[i - 1] * products[i]", "ring"),
    Fault("the decay's gradient meets the state after the token", MAMBA1,
          "d_x * states[:, :-1]", "d_x * states[:, 1:]", "ring"),
    Fault("matrices in the wrong order", MOMENTUM, "compose(p2, t1), compose(t2, s1)",
          "compose(t1, p2), compose(s1, t2)", "ring"),
    Fault("padding mixes the states", MOMENTUM, "(1 - real[..., None, None]) * one", "0 * one",
          "streaming"),
    Fault("the erase term reads the momentum", MOMENTUM, "one[s] for s in sources",
          "one[1 - s] for s in sources", "ring"),
    Fault("another state is read", MIXED, "q.unsqueeze(2) * one[target]",
          "q.unsqueeze(2) * one[1 - target]", "ring"),
    Fault("the carry goes the other way", MIXED, "total.transpose(2, 3)",
          "total.transpose(1, 2).transpose(2, 3)", "ring"),
    Fault("no gradient through the carried matrix", MOMENTUM, "after @ before.mT))",
          "0 * (after @ before.mT)))", "ring"),
    Fault("what an erase term takes is read undecayed", OJA, "w = a * w", "w = w", "ring"),
    # mixers
    Fault("query and key weights tied", GDN, "x @ self.k.linear", "x @ self.q.linear", "ring"),
    Fault("parameters swapped", GDN, "x @ self.a.linear", "x @ self.b.linear", "ring"),
    Fault("another epsilon", GDN, "keepdim=True) + 1e-6", "keepdim=True) + 1e-5", "float32"),
    Fault("the tail of a convolution is lost", GDN, 'state.get("k.conv")', "None", "streaming"),
    Fault("the taps in reverse", GDN, "torch.addcmul(y, taps[i]", "torch.addcmul(y, taps[-i]",
          "ring"),
    Fault("a convolution looks ahead", GDN, "[tail, x], 1)",
          "[tail[:, 1:], x, tail[:, :1]], 1)", "prefix"),
    Fault("the state of a recurrence is lost", GDN, 'state.get("S")', "None", "streaming"),
    Fault("documents leak through a convolution", GDN, "(rows.doc + 1) * count",
          "count + 0 * rows.doc", "packing"),
    Fault("half precision inside", GDN, "v = F.silu(v_conv)", "v = F.silu(v_conv.half()).to(x)",
          "float32"),
    # attention
    Fault("window off by one", WINDOW, "(t - 6) < j", "(t - 5) < j", "ring"),
    Fault("attention to the next token", ALIBI, "j <= t", "j <= t + 1", "prefix"),
    Fault("a block's last key is lost", WINDOW, "((first, last + 1),)", "((first, last),)",
          "ring"),
    Fault("first tokens counted twice", SINKS, "torch.where(self.j < self.early, -1, self.j)",
          "self.j", "ring"),
    Fault("first tokens not carried", SINKS, "torch.where(own, found, cache)",
          "torch.where(own, found, 0 * cache)", "streaming"),
    Fault("another document's first tokens", SINKS,
          "(number * self.early, (final + 1) * self.early)", "(0, self.early)", "packing"),
    Fault("the sink in the numerator", SINKS, "total = total + torch.exp(sink - top)",
          "weights = weights + torch.exp(sink - top)", "ring"),
    Fault("the sink is forgotten", SINKS, "total = total + torch.exp(sink - top)", "pass", "ring"),
    Fault("position not carried", WINDOW, 'positions(state.get("t"), rows,',
          "positions(None, rows,", "streaming"),
    Fault("another document's keys", WINDOW, "real = real & (self.rows.doc",
          "real = real | (self.rows.doc", "packing"),
    Fault("forgetting counts from the start", FOX, 'state.get("F.sum", x.new_zeros(rows.count, 2))',
          "x.new_zeros(rows.count, 2)", "streaming"),
]  # fmt: skip


def patched(fault: Fault) -> Any:
    """The module of the patched emission, with the program's own parameters."""
    module = compiled(fault.program, 8)
    source = module.emitted_source.replace(fault.old, fault.new)
    assert source != module.emitted_source, f"{fault.old!r} does not stand in the emitted text"
    broken = load_source(source, type(module).__name__)
    broken.load_state_dict(module.state_dict())
    return broken


def found(program: Program, module: Any) -> list[str]:
    """Which oracles and laws refute the module."""
    return list(_found(program, module))


def _found(program: Program, module: Any) -> Iterator[str]:
    function, plain = flat(program), streams(program, 2, 24)
    tried = {
        "ring": lambda: exact(function, module, time=21),
        "float64": lambda: real(function, module, plain),
        "float32": lambda: single(function, module, plain),
        "hard data (float64)": lambda: real(function, module, _hard(program, plain)),
        "hard data (float32)": lambda: single(function, module, _hard(program, plain)),
    }
    for name, oracle in tried.items():
        if not _guarded(oracle):
            yield name
    inputs = tuple(torch.tensor(x, dtype=torch.float32) for x in plain)
    for verdict in laws.check(module, inputs, chunk=8).failures:
        yield verdict.law


def _guarded(oracle: Any) -> bool:
    try:
        return bool(oracle().ok)
    except laws.RingError:  # what the ring cannot read, it has not found
        return True


def _hard(program: Program, plain: list[Any]) -> list[Any]:
    """Identical keys; every second gate 0."""
    names = flat(program).input_names
    out = dict(zip(names, plain, strict=True))
    for gate in set(program.gates) & {"a"}:
        out[gate] = np.where(np.arange(out[gate].size).reshape(out[gate].shape) % 2, out[gate], 0.0)
    if "k" in out:
        out["k"] = np.repeat(out["k"][:, :1], out["k"].shape[1], 1)
    return list(out.values())


@cache
def finders(fault: Fault) -> tuple[str, ...]:
    return tuple(found(fault.program, patched(fault)))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    assert fault.by in finders(fault)


@pytest.mark.parametrize("program", dict.fromkeys(f.program for f in FAULTS), ids=str)
def test_the_sound_module_passes(program: Program) -> None:
    assert found(program, compiled(program, 8)) == []


def test_table_of_faults() -> None:
    rows = [(f"{f.program}: {f.name}", ", ".join(finders(f))) for f in FAULTS]
    width = max(len(name) for name, _ in rows)
    print("\n" + "\n".join(f"{name:<{width}}  {by}" for name, by in rows))
    assert all(by for _, by in rows)
