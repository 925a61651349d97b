"""The compiler as a whole: every module equals its program, and obeys every law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import asiarch
from asiarch import laws
from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.flatten import flatten
from asiarch.laws.program import exact, real
from asiarch.laws.tolerances import compare_with_loop, loop_share

from .programs import CORES, MIXERS, Program

_MADE: dict[Any, Any] = {}


def compiled(program: Program, chunk: int | None = None) -> Any:
    """The module, made once per test process."""
    key = (program.op, chunk)
    if key not in _MADE:
        _MADE[key] = asiarch.compile(
            program.text, program.op, program.sizes, filename=program.filename, chunk=chunk
        )
    return _MADE[key]


def flat(program: Program) -> Any:
    if program.op not in _MADE:
        _MADE[program.op] = flatten(
            elaborate(program.text, program.op, program.sizes, program.filename)
        )
    return _MADE[program.op]


def streams(program: Program, batch: int, time: int, seed: int = 0) -> list[Any]:
    """Inputs: gates in (0, 1), keys of length 1."""
    function, rng = flat(program), np.random.default_rng(seed)
    out: list[Any] = []
    for leaf, name in zip(function.inputs, function.input_names, strict=True):
        sizes = [int(function.axes[a].integer) for a in leaf.type.axes]
        x = rng.standard_normal((batch, time, *sizes))
        if name in program.gates:
            x = 1 / (1 + np.exp(-x))
        elif name == "k":
            x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        out.append(x)
    return out


@pytest.mark.parametrize("chunk", [1, 3, 8, 64])
@pytest.mark.parametrize("program", CORES, ids=str)
def test_a_core_equals_its_loop_bit_for_bit_at_every_chunk_size(
    program: Program, chunk: int
) -> None:
    verdict = exact(flat(program), compiled(program, chunk), time=21)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", MIXERS, ids=str)
def test_a_mixer_equals_its_loop_bit_for_bit(program: Program) -> None:
    verdict = exact(flat(program), compiled(program, 8), time=19)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [*CORES, *MIXERS], ids=str)
def test_float64(program: Program) -> None:
    verdict = real(flat(program), compiled(program, 8), streams(program, 2, 37))
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [*CORES, *MIXERS], ids=str)
def test_laws(program: Program) -> None:
    inputs = tuple(torch.tensor(x, dtype=torch.float32) for x in streams(program, 2, 40))
    report = laws.check(compiled(program, 16), inputs, chunk=16, ring=True)
    assert report.ok, str(report)
    tried = {v.law for v in report.verdicts if v.ok}
    assert {"prefix", "length", "batch", "streaming", "stepping", "packing"} <= tried


# -- hard data -------------------------------------------------------------------------------------


class Float32(Float64):
    """The token loop in single precision: what a chunked form's error is measured against."""

    def constant(self, value: Any) -> Any:
        return np.float32(value)

    def encode(self, integers: Any) -> Any:
        return np.asarray(integers, np.float32)


def loop32(program: Program, arrays: list[Any]) -> Any:
    return Reference(flat(program), {}, Float32()).evaluate([a.astype(np.float32) for a in arrays])


GATES = [*(float(np.exp(-x)) for x in (0, 1e-3, 5, 20, 80)), 0.0, -0.7]


@pytest.mark.parametrize("time", [1, 15, 63, 64, 65])
@pytest.mark.parametrize("program", CORES[:4], ids=str)
def test_hard_data(program: Program, time: int) -> None:
    """Identical and 0.9-correlated keys, rates 1 and 2, every kind of decay, strided inputs."""
    rng = np.random.default_rng(time)
    gates = GATES if "a" in program.gates else GATES[:1]
    for gate in gates:
        for alike, rate in ((1.0, 1.0), (1.0, 2.0), (0.9, 1.0), (0.9, 2.0)):
            arrays = streams(program, 1, time)
            names = flat(program).input_names
            for i, name in enumerate(names):
                if name == "k":
                    base = rng.standard_normal((1, 1, *arrays[i].shape[2:]))
                    keys = alike * base + (1 - alike) * arrays[i]
                    arrays[i] = keys / np.linalg.norm(keys, axis=-1, keepdims=True)
                elif name == "b":
                    arrays[i] = np.full(arrays[i].shape, rate)
                elif name == "a":
                    arrays[i] = np.where(rng.random(arrays[i].shape) < 0.5, gate, arrays[i])
            _close(program, arrays)


def _close(program: Program, arrays: list[Any]) -> None:
    module = compiled(program)
    given = [torch.tensor(a, dtype=torch.float32) for a in arrays]
    strided = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in given]
    wide = [np.asarray(x, np.float64) for x in given]
    truth = Reference(flat(program), {}, Float64()).evaluate(wide)[0]
    loop = loop32(program, [np.asarray(x) for x in given])[0]
    plain, right = torch.from_numpy(np.array(loop)), torch.from_numpy(np.array(truth))
    share = loop_share(plain, right)  # with a rate of 2 a loop is exact in some rows by luck
    for inputs in (given, strided):
        error = compare_with_loop(module(*inputs), plain, right, share)
        assert error.ratio <= 1, f"{error.ratio} of the tolerance at token {error.token}"
