"""Both sides of an oracle, run and compared: outputs and the gradient at every leaf.

Our side runs twice: as the token loop on numpy, whose derivative is that of dual numbers, and as
the emitted module under torch's autograd.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asiarch.codegen.reference import Reference as TokenLoop
from asiarch.interface import compile as compile_text
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.float64 import Float64
from asiarch.laws.oracles.oracle import Leaves, Oracle
from asiarch.laws.oracles.widened import widened


@dataclass(frozen=True, slots=True)
class Measure:
    """How far two sides are apart, each number a share of the reference's own size.

    error: the largest difference of outputs, of the largest output; loop: the same for the token
    loop; rms: root mean squares; gradient: the worst leaf's largest difference, of that gradient's
    largest value; slope: the token loop's derivative along random directions, of the gradient's
    length.
    """

    error: float
    loop: float
    rms: float
    gradient: float
    slope: float
    worst_leaf: str

    @property
    def worst(self) -> float:
        """The largest of all; infinite where something is not finite."""
        return max(self.error, self.loop, self.rms, self.gradient, _number(self.slope))


Outputs = tuple[Tensor, ...]


def measure(oracle: Oracle, seed: int = 0) -> Measure:
    """Draws leaves and runs everything. Raises Absent."""
    x = oracle.draw(seed)
    return compared(oracle, x, *reference_side(oracle, x))


def reference_side(oracle: Oracle, x: Leaves) -> tuple[Outputs, Mapping[str, Tensor]]:
    """Their outputs and gradients, in float64 where the oracle says so. Raises Absent."""
    function = oracle.reference.load()
    wide = oracle.precision == torch.float64
    leaves = Leaves(**{n: _leaf(t, oracle.precision) for n, t in vars(x).items()})
    with warnings.catch_warnings(), widened() if wide else nullcontext():
        warnings.simplefilter("ignore")
        outputs = _tuple(oracle.theirs(function, leaves))
        return outputs, _gradients(outputs, leaves)


def _leaf(x: Tensor, precision: torch.dtype) -> Tensor:
    return x.detach().clone().to(precision).requires_grad_()


def compared(oracle: Oracle, x: Leaves, theirs: Outputs, wanted: Mapping[str, Tensor]) -> Measure:
    """Our definition at the leaves beside given outputs and gradients."""
    loop = _made(oracle, "reference")
    if missing := set(loop.params) ^ set(oracle.parameters(x)):
        raise ValueError(f"{oracle.name}: parameters {sorted(missing)} are on one side only")
    looped, slope = _loop(oracle, loop, x, wanted)
    outputs = _ours(oracle, _made(oracle, "torch"), x)
    gradients = _gradients(outputs, x)
    worst, leaf = max((_share(gradients[n], wanted[n]), n) for n in wanted)
    return Measure(
        error=_worst(_share, outputs, theirs),
        loop=_worst(_share, looped, theirs),
        rms=_worst(_rms, outputs, theirs),
        gradient=worst,
        slope=slope,
        worst_leaf=leaf,
    )


def _worst(of: Callable[[Tensor, Tensor], float], ours: Outputs, theirs: Outputs) -> float:
    return max(of(a, b) for a, b in zip(ours, theirs, strict=True))


def _made(oracle: Oracle, backend: str) -> Any:
    made = oracle.definition
    return _compiled(made.text, made.filename, made.op, tuple(oracle.sizes.items()), backend)


@cache
def _compiled(
    text: str, filename: str, op: str, sizes: tuple[tuple[str, int], ...], backend: str
) -> Any:
    module = compile_text(text, op, dict(sizes), backend, dtype="float64", filename=filename)
    return module.eval() if backend == "torch" else module


def _ours(oracle: Oracle, module: nn.Module, x: Leaves) -> Outputs:
    parameters, streams = dict(oracle.parameters(x)), tuple(oracle.ours(x))
    return _tuple(torch.func.functional_call(module, parameters, streams))


def _tuple(result: Any) -> Outputs:
    return (result,) if isinstance(result, Tensor) else tuple(result)


def _cotangent(output: Tensor) -> Tensor:
    """Fixed weights of the outputs, none of them small together."""
    count = torch.arange(output.numel(), dtype=torch.float64)
    return torch.cos(0.7 * count + 0.3).view(output.shape).to(output.dtype)


def _gradients(outputs: Outputs, x: Leaves) -> dict[str, Tensor]:
    total = sum(((o * _cotangent(o)).sum() for o in outputs), torch.zeros((), dtype=torch.float64))
    leaves = vars(x)
    found = torch.autograd.grad(
        total, list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))


def _loop(
    oracle: Oracle, loop: TokenLoop, x: Leaves, wanted: Mapping[str, Tensor]
) -> tuple[Outputs, float]:
    """The token loop's outputs, and how far its derivative is from <gradient, direction>."""
    generator = torch.Generator().manual_seed(1)
    names = list(vars(x))
    values = [t.detach() for t in vars(x).values()]
    along = [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in values]

    def streams(*leaves: Tensor) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        given = Leaves(**dict(zip(names, leaves, strict=True)))
        return tuple(oracle.ours(given)), dict(oracle.parameters(given))

    with warnings.catch_warnings():  # torch scripts its own rules when they are first asked for
        warnings.simplefilter("ignore")
        pushed_on: Any = torch.func.jvp(streams, tuple(values), tuple(along))
    (inputs, parameters), (turns, moves) = pushed_on
    pairs = [_pair(a, b) for a, b in zip(inputs, turns, strict=True)]
    held = {path: _pair(value, moves[path]) for path, value in parameters.items()}
    found = TokenLoop(loop.function, held, Dual(Float64())).evaluate(pairs)
    outputs = tuple(torch.from_numpy(np.array(o.value)) for o in found)
    tangents = [torch.from_numpy(np.array(o.tangent)) for o in found]
    pushed = sum(float((_cotangent(t) * t).sum()) for t in tangents)
    pulled = sum(float((wanted[n].double() * v).sum()) for n, v in zip(names, along, strict=True))
    length = float(sum(wanted[n].double().square().sum() for n in names)) ** 0.5
    return outputs, abs(pushed - pulled) / length


def _pair(value: Tensor, tangent: Tensor) -> Pair:
    return Pair(value.detach().numpy(), tangent.detach().numpy())


def _share(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference in units of their largest value; infinite for NaN."""
    a, b = _both(ours, theirs)
    size = float(b.abs().max())
    return _number(float((a - b).abs().max()) / (size or 1.0))


def _rms(ours: Tensor, theirs: Tensor) -> float:
    a, b = _both(ours, theirs)
    return _number(float((a - b).square().mean().sqrt() / b.square().mean().sqrt()))


def _number(x: float) -> float:
    """A maximum over numbers would pass over a NaN."""
    return x if np.isfinite(x) else float("inf")


def _both(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    if ours.shape != theirs.shape:
        raise ValueError(f"shapes differ: ours {tuple(ours.shape)}, theirs {tuple(theirs.shape)}")
    return ours.detach().double(), theirs.detach().double()
