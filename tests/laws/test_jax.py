"""The jax backend computes what the program says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import asiarch
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference

from .literature import PROGRAMS, given
from .programs import Program, flat

jax = pytest.importorskip("jax")
jnp = jax.numpy

CHOSEN = ("linear_attention", "retnet", "gla_core", "delta_net", "gated_delta_net", "kda", "sru",
          "sliding", "slstm", "llama")  # fmt: skip


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.op in CHOSEN], ids=str)
def test_float64(program: Program) -> None:
    """Under jit, to 1e-12 of the largest number."""
    with jax.enable_x64(True):
        module = asiarch.compile(
            program.text, program.op, program.sizes, backend="jax", dtype="float64", chunk=4,
            filename=program.filename,
        )  # fmt: skip
        streams = given(program, 2, 11)
        outputs: Any = jax.jit(module.apply)(module.params, *map(jnp.asarray, streams))
        truth = Reference(flat(program), initial_values(flat(program), 0)).forward(*streams)
        assert np.abs(np.asarray(outputs) - truth).max() <= 1e-12 * np.abs(truth).max()
