"""The jax backend computes what the program says: in the ring, in float64, in every law."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import asiarch
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.interface import namespace, parameters_of

from .literature import CHOICES, PROGRAMS, Choice, given
from .programs import Program, flat
from .test_feedback import MANY, WINDOW

jax = pytest.importorskip("jax")
jnp = jax.numpy

from asiarch.codegen.jax_program import JaxProgram  # noqa: E402 (needs jax)
from asiarch.laws.jaxprs.exact import Exact, units  # noqa: E402
from asiarch.laws.jaxprs.program import exact  # noqa: E402
from asiarch.laws.jaxprs.reader import UnreadError  # noqa: E402
from asiarch.laws.jaxprs.rows import Calls, packing, stepping, streaming  # noqa: E402

CHUNK = 4
NOT_IN_THE_RING = frozenset({"abc_core", "abc", "lightnet_core", "lightnet"})
"""Running logsumexp: exp does not undo the log of a sum in the ring. Compared in floats."""

KINDS = {"linear_core", "gla_core", "delta_core", "gated_delta_core", "kda_core", "rwkv7_core",
         "dplr_core", "hgrn", "sru", "slstm", "mlstm_core", "titans_core", "gsa_core", "sliding",
         "stick_breaking_core", "moba", "llama"}  # fmt: skip
"""One of each kind; the others differ in words."""

COMPILED = {"gla_core", "delta_core", "dplr_core", "slstm", "mlstm_core", "titans_core", "moba",
            "llama", "abc", "lightnet"}  # fmt: skip
"""Definitions that are compiled and run in floats."""

ALL = pytest.mark.parametrize("program", PROGRAMS, ids=str)


def some(names: set[str], but: frozenset[str] = frozenset()) -> Any:
    """Those of the names; `ALL=1` takes the whole library, but for a few."""
    every = bool(os.environ.get("ALL"))
    chosen = [p for p in PROGRAMS if p.op in names or (every and p.op not in but)]
    return pytest.mark.parametrize("program", chosen, ids=str)


@pytest.fixture(autouse=True)
def _doubles() -> Any:
    with jax.enable_x64(True):
        yield


@cache
def compiled(program: Program) -> Any:
    return asiarch.compile(
        program.text, program.op, program.sizes, backend="jax", dtype="float64", chunk=CHUNK,
        filename=program.filename,
    )  # fmt: skip


def test_the_chosen_are_there() -> None:
    assert {p.op for p in PROGRAMS} >= COMPILED | IN_PARTS


@ALL
def test_exact(program: Program) -> None:
    """Outputs in every bit, of the jaxpr that would be compiled."""
    seed = CHOICES.get(program.op, Choice()).seed
    if program.op in NOT_IN_THE_RING:
        with pytest.raises(UnreadError):
            exact(flat(program), compiled(program), gradients=False)
        return
    verdict = exact(flat(program), compiled(program), seed=seed, gradients=False)
    assert verdict.ok, str(verdict)


@some(KINDS, NOT_IN_THE_RING)
def test_exact_gradients(program: Program) -> None:
    verdict = exact(flat(program), compiled(program))
    assert verdict.ok, str(verdict)


@some(COMPILED)
def test_float64(program: Program) -> None:
    """Under jit, to 1e-12 of the largest number."""
    streams = given(program, 2, 11)
    module = compiled(program)
    outputs: Any = jax.jit(module.apply)(module.params, *map(jnp.asarray, streams))
    truth = Reference(flat(program), initial_values(flat(program), 0)).evaluate(streams)
    found = outputs if isinstance(outputs, tuple) else (outputs,)
    for x, y in zip(found, truth, strict=True):
        assert np.abs(np.asarray(x) - y).max() <= 1e-12 * np.abs(y).max()


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if p.op in {"gla_core", "gated_delta_core"}], ids=str
)
def test_hard_data(program: Program) -> None:
    """One key again and again, decays of 0, 1 and next to nothing; gradients are torch's."""
    streams = given(program, 1, 13)
    streams[1][:] = streams[1][:, :1]
    gates = np.array([0.0, 1.0, 1e-300, 0.5, 1.0])
    streams[3][:] = np.random.default_rng(0).choice(gates, streams[3].shape)
    module = compiled(program)

    def both(*streams: Any) -> Any:
        out = module.apply(module.params, *streams)
        return (out**2).sum(), out

    run = jax.jit(jax.grad(both, tuple(range(len(streams))), has_aux=True))
    grads, outputs = run(*map(jnp.asarray, streams))
    truth = Reference(flat(program), {}).forward(*streams)
    assert np.abs(np.asarray(outputs) - truth).max() <= 1e-12 * np.abs(truth).max()
    given_to_torch = [torch.from_numpy(x).requires_grad_() for x in streams]
    theirs = asiarch.compile(
        program.text, program.op, program.sizes, dtype="float64", filename=program.filename
    )
    (theirs(*given_to_torch) ** 2).sum().backward()
    for ours, x in zip(grads, given_to_torch, strict=True):
        assert x.grad is not None
        np.testing.assert_allclose(ours, x.grad, atol=1e-12 * float(x.grad.abs().max()))


IN_PARTS = KINDS | {
    "alibi_attention", "fox_core", "log_linear_core", "deltaformer_core", "feedback_transformer"
}  # fmt: skip


@some(IN_PARTS, NOT_IN_THE_RING)
def test_parts_tokens_and_packed_rows(program: Program) -> None:
    calls = Calls(flat(program), compiled(program), CHOICES.get(program.op, Choice()).seed)
    for law in (packing, streaming, stepping):
        verdict = law(calls)
        assert verdict.ok, str(verdict)


STARTED = """
op started[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H]) -> Seq[H, V], Seq[H]
  where causal, a in [0, 1]
{
  param first[H, K, V] ~ normal(1)
  param top[H] ~ normal(1)
  state S[H, K, V] = first
  S = a * S[t-1] + k * v
  state m[H] = top
  m = max(m[t-1] + a, sum[K](q))
  return q @ S, m
}
"""

LATER = """
op later[D](x: Seq[D]) -> Seq[D] where lookahead(2) {
  return x[t+2] + attend j where t - 2 <= j and j <= t + 1 { score: 0 value: x[j] }
}
"""

SLOW = """
op slow[D](x: Seq[D]) -> Seq[D] where causal {
  param first[D] ~ normal(1)
  state h[D] = first
  h = tanh(h[t-1] + x[t-1]) + cummean[time](x)
  return h
}
"""

MORE = [
    Program("recall", {"H": 2, "K": 3}, WINDOW),
    Program("many", {"D": 6, "H": 2}, MANY),
    Program("started", {"H": 2, "K": 3, "V": 2}, STARTED),
    Program("later", {"D": 3}, LATER),
    Program("slow", {"D": 3}, SLOW),
]


@pytest.mark.parametrize("program", MORE, ids=str)
def test_learned_first_states_and_later_tokens(program: Program) -> None:
    """Every document begins from the first state, wherever in a chunk."""
    verdict = exact(flat(program), compiled(program))
    assert verdict.ok, str(verdict)
    calls = Calls(flat(program), compiled(program))
    for law in (packing, streaming, stepping) if compiled(program).steps else (packing,):
        verdict = law(calls)
        assert verdict.ok, str(verdict)


# -- planted faults --------------------------------------------------------------------------------


def changed(op: str, old: str, new: str) -> tuple[Program, Any]:
    """A definition with its emitted text changed in one place."""
    program = next(p for p in PROGRAMS if p.op == op)
    module = compiled(program)
    assert module.emitted_source.count(old) == 1, module.emitted_source
    names = namespace(module.emitted_source.replace(old, new), "apply")
    values = parameters_of(module)
    return program, JaxProgram(flat(program), names, values, "float64", module.device)


LOST = "return step(*terms, 0 * state), state"
FAULTS = [
    ("lost carry", exact, "gla_core", "return step(*terms, state), state", LOST),
    ("read point", exact, "linear_core", "jnp.tril(q @ k.mT)", "jnp.tril(q @ k.mT, -1)"),
    ("late erase", exact, "gated_delta_core", "* erased", "* token_before(erased, 0.0)"),
    ("mask", exact, "sliding", "(j <= t)", "(j < t)"),
    ("short window", exact, "sliding", "(t - 5) < j", "(t - 4) < j"),
    ("decay", exact, "retention_core", "k * end, total", "k, total"),
    ("padding", streaming, "gla_core", "chunks.split(a, 1.0)", "chunks.split(a)"),
    ("small", exact, "delta_core", "+ q @ before, v)", "+ 1.000001 * q @ before, v)"),
    ("side", exact, "mlstm_core", "jnp.where(goes, a, b)", "jnp.where(goes, b, a)"),
    ("gradient", exact, "gla_core", "= pairs[0, 0]", "= lax.stop_gradient(pairs[0, 0])"),
    ("leak", packing, "gla_core", "return jnp.where(mask, x, 0)", "return x"),
    ("leak of keys", packing, "llama", "doc[:, :, None] == number", "doc[:, :, None] >= number"),
    ("leak of taps", packing, "delta_net", "if self.rows.packed else x", "if False else x"),
    ("leak of a scan", packing, "hgrn", "jnp.where(begins, 0, a)", "a"),
    ("leak of a loop", packing, "slstm", "- 1)), f, s)", "- 1)), s, s)"),
    ("place", packing, "llama", "ramp - lax.cummax(", "ramp - 0 * lax.cummax("),
    ("forgotten state", streaming, "linear_core", 'state.get("S")', "None"),
    ("old state", stepping, "linear_core", "state=state, return", "state=None, return"),
    ("counter", streaming, "llama", "t[:, -1] + 1 if", "t[:, -1] if"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f[0])
def test_a_planted_fault_is_found(fault: tuple[str, Any, str, str, str]) -> None:
    _, law, op, old, new = fault
    program, module = changed(op, old, new)
    if law is exact:
        verdict = exact(flat(program), module)
    else:
        verdict = law(Calls(flat(program), module))
    assert not verdict.ok, str(verdict)


def test_what_has_no_reading_is_an_error() -> None:
    with pytest.raises(UnreadError, match="primitive atan"):
        Exact()(jnp.arctan, units(np.random.default_rng(0), (4,)))
