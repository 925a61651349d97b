"""The jax backend computes what the program says: in the ring, in float64, in every law."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import asiarch
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference

from .literature import CHOICES, PROGRAMS, Choice, given
from .programs import Program, flat

jax = pytest.importorskip("jax")
jnp = jax.numpy

from asiarch.laws.jaxprs.program import exact  # noqa: E402
from asiarch.laws.jaxprs.reader import UnreadError  # noqa: E402 (needs jax)

CHUNK = 4
NOT_IN_THE_RING = {"abc_core", "abc", "lightnet_core", "lightnet"}
"""Running logsumexp: exp does not undo the log of a sum in the ring. Compared in floats."""

NOT_THERE = {"feedback_transformer", "deltaformer_core"}

COMPILED = {"linear_core", "retention_core", "gla_core", "delta_net_core", "gated_delta_core",
            "kda_core", "rwkv7_core", "dplr_core", "hgrn2_core", "sru", "slstm", "mlstm_core",
            "titans_core", "sliding", "sinks", "stick_breaking_core", "abc_core", "gsa_core",
            "moba", "llama"}  # fmt: skip
"""Definitions that are compiled and run in floats; the others differ in words."""

ALL = pytest.mark.parametrize("program", [p for p in PROGRAMS if p.op not in NOT_THERE], ids=str)
SOME = pytest.mark.parametrize("program", [p for p in PROGRAMS if p.op in COMPILED], ids=str)


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


@SOME
def test_exact_gradients(program: Program) -> None:
    if program.op not in NOT_IN_THE_RING:
        verdict = exact(flat(program), compiled(program))
        assert verdict.ok, str(verdict)


@SOME
def test_float64(program: Program) -> None:
    """Under jit, to 1e-12 of the largest number."""
    streams = given(program, 2, 11)
    module = compiled(program)
    outputs: Any = jax.jit(module.apply)(module.params, *map(jnp.asarray, streams))
    truth = Reference(flat(program), initial_values(flat(program), 0)).forward(*streams)
    assert np.abs(np.asarray(outputs) - truth).max() <= 1e-12 * np.abs(truth).max()
