"""A compiled module against its program: the token loop in the ring, in float64 and in float32.

`exact` is the first oracle: outputs bit for bit, and every gradient by the adjoint identity
<u, J v> = <J' u, v> in Z/p^3 with random u, v (J v from the program's dual numbers, J' u from
torch's autograd): one draw that agrees by chance has probability about 1/1289, so several are
taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asiarch.codegen.reference import Reference
from asiarch.ir.domains import ring_arithmetic as ra
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.float32 import Float32
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.domains.ring import Ring
from asiarch.ir.function import Function
from asiarch.laws.ringmode import RingMode
from asiarch.laws.tolerances import FLOAT64, Error, compare, compare_with_loop, loop_share
from asiarch.laws.verdict import Verdict, Witness, fails, holds

DRAWS = 4


def exact(
    function: Function,
    module: nn.Module,
    *,
    batch: int = 2,
    time: int = 40,
    seed: int = 0,
    gradients: bool = True,
) -> Verdict:
    """The emitted module equals the token loop of its flat function in every bit of the ring."""
    law = "program = module, ring"
    generator = torch.Generator().manual_seed(seed)
    module = _doubled(module)
    RingMode.randomize(module, generator)
    streams = [_ring_stream(function, leaf, batch, time, generator) for leaf in function.inputs]
    values = {path: RingMode.values(p) for path, p in module.state_dict().items()}
    arrays = [_array(s) for s in streams]
    expected = Reference(function, values, Ring()).evaluate(arrays)
    with RingMode():
        outputs = _outputs(module(*streams))
    for index, (ours, truth) in enumerate(zip(outputs, expected, strict=True)):
        differs = RingMode.values(ours) != np.asarray(truth)
        if differs.any():
            token = int(np.argwhere(differs.reshape(batch, time, -1).any(axis=(0, 2)))[0][0])
            text = (
                f"output {index} differs exactly from token {token} on, {differs.mean():.0%} of all"
            )
            return fails(law, Witness(text, None, token))
    if not gradients:
        return holds(law, f"outputs equal in every bit, {batch} x {time} tokens")
    return _adjoint(law, function, module, streams, values, generator)


def _doubled(module: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(module).double().eval()


def _outputs(result: Any) -> tuple[Tensor, ...]:
    if isinstance(result, Tensor):
        return (result,)
    outputs: tuple[Tensor, ...] = result
    return outputs


def _ring_stream(
    function: Function, leaf: Any, batch: int, time: int, generator: torch.Generator
) -> Tensor:
    sizes = [int(function.axes[a].integer or 0) for a in leaf.type.axes]
    if leaf.type.mode == "token":
        vocab = function.axes.get(leaf.type.vocab or "", None)
        count = int(vocab.integer or 2) if vocab is not None else 2
        return torch.randint(count, (batch, time), generator=generator)
    lead = (batch, time) if leaf.type.stream else ()
    return RingMode.random((*lead, *sizes), generator)


def _array(stream: Tensor) -> Any:
    return RingMode.values(stream) if stream.is_floating_point() else stream.numpy()


def _adjoint(
    law: str,
    function: Function,
    module: nn.Module,
    streams: Sequence[Tensor],
    values: Mapping[str, Any],
    generator: torch.Generator,
) -> Verdict:
    named = dict(module.named_parameters())
    leaves = [s.clone().requires_grad_() if s.is_floating_point() else s for s in streams]
    moving = [x for x in leaves if x.requires_grad]
    with RingMode():
        outputs = _outputs(module(*leaves))
        cotangents = [RingMode.random(tuple(o.shape), generator) for o in outputs]
        grads = _grads(outputs, [*moving, *named.values()], cotangents)
    names = [f"stream {i}" for i, x in enumerate(leaves) if x.requires_grad] + list(named)
    for _ in range(DRAWS):
        tangents = [RingMode.random(tuple(g.shape), generator) for g in grads]
        found = _pushed(function, streams, values, named, tangents, cotangents)
        pairs = zip(grads, tangents, strict=True)
        pulled = _inner([(RingMode.values(g), RingMode.values(t)) for g, t in pairs])
        if found != pulled:
            wrong = _culprit(function, streams, values, named, grads, cotangents, names, generator)
            return fails(law, f"a gradient is wrong: {wrong}")
    return holds(law, f"outputs and {len(names)} gradients equal in every bit")


def _grads(
    outputs: Sequence[Tensor], leaves: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Gradients of the leaves; zero where no output depends on one (truth values have none)."""
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not pairs or not leaves:
        return [torch.zeros_like(x) for x in leaves]
    return torch.autograd.grad(
        [o for o, _ in pairs],
        leaves,
        [c for _, c in pairs],
        allow_unused=True,
        materialize_grads=True,
    )


def _inner(pairs: list[tuple[Any, Any]]) -> int:
    total = 0
    for a, b in pairs:
        total = (total + int(ra.total(ra.mul(a.reshape(-1), b.reshape(-1))))) % ra.N
    return total


def _pushed(
    function: Function,
    streams: Sequence[Tensor],
    values: Mapping[str, Any],
    named: Mapping[str, Any],
    tangents: Sequence[Tensor],
    cotangents: Sequence[Tensor],
) -> int:
    """<u, J v> by the dual numbers of the token loop."""
    rest = iter(tangents)
    inputs = [
        Pair(_array(s), RingMode.values(next(rest))) if s.is_floating_point() else _array(s)
        for s in streams
    ]
    params = {path: Pair(values[path], RingMode.values(next(rest))) for path in named}
    outputs = Reference(function, params, Dual(Ring())).evaluate(inputs)
    pairs = zip(outputs, cotangents, strict=True)
    return _inner([(np.asarray(o.tangent), RingMode.values(u)) for o, u in pairs])


def _culprit(
    function: Function,
    streams: Sequence[Tensor],
    values: Mapping[str, Any],
    named: Mapping[str, Any],
    grads: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    names: Sequence[str],
    generator: torch.Generator,
) -> str:
    """Which operand's gradient breaks the identity by itself."""
    wrong: list[str] = []
    for index, name in enumerate(names):
        tangents = [torch.zeros_like(g) for g in grads]
        tangents[index] = RingMode.random(tuple(grads[index].shape), generator)
        found = _pushed(function, streams, values, named, tangents, cotangents)
        pulled = _inner([(RingMode.values(grads[index]), RingMode.values(tangents[index]))])
        if found != pulled:
            wrong.append(name)
    return ", ".join(wrong) or "several together"


def real(
    function: Function,
    module: nn.Module,
    streams: Sequence[Any],
) -> Verdict:
    """The module in float64 equals the float64 token loop to 1e-12 of the row's maximum."""
    law = "program = module, float64"
    doubled = _doubled(module)
    values = {path: p.numpy() for path, p in doubled.state_dict().items()}
    expected = Reference(function, values, Float64()).evaluate([np.asarray(s) for s in streams])
    with torch.no_grad():
        outputs = _outputs(doubled(*(torch.as_tensor(np.asarray(s)) for s in streams)))
    worst = 0.0
    for index, (ours, truth) in enumerate(zip(outputs, expected, strict=True)):
        error = compare(ours, torch.from_numpy(np.array(truth)), FLOAT64)
        worst = max(worst, error.ratio)
        if error.ratio > 1:
            return _apart(law, index, error)
    return holds(law, "outputs equal to 1e-12 of the row's maximum", worst)


def single(function: Function, module: nn.Module, streams: Sequence[Any]) -> Verdict:
    """The module in float32 errs at most as `tolerances` allow beside a float32 token loop.

    A row in which the loop is exact by luck counts as erring like the loop's worst row.
    """
    import copy

    law = "program = module, float32"
    low = copy.deepcopy(module).float().eval()
    narrow = [_narrow(s) for s in streams]
    values = {path: p.numpy() for path, p in low.state_dict().items()}
    wide = {path: p.astype(np.float64) for path, p in values.items()}
    loop = Reference(function, values, Float32()).evaluate(narrow)
    truth = Reference(function, wide, Float64()).evaluate([np.asarray(s) for s in narrow])
    with torch.no_grad():
        outputs = _outputs(low(*(torch.from_numpy(np.array(s)) for s in narrow)))
    worst = 0.0
    for index, (ours, plain, right) in enumerate(zip(outputs, loop, truth, strict=True)):
        if plain.dtype != np.float32:
            raise TypeError(f"the float32 loop gave {plain.dtype}: a rule widens it")
        steps, exact_ = torch.from_numpy(np.array(plain)), torch.from_numpy(np.array(right))
        error = compare_with_loop(ours, steps, exact_, loop_share(steps, exact_))
        worst = max(worst, error.ratio)
        if error.ratio > 1:
            return _apart(law, index, error)
    return holds(law, "outputs err as a token loop does", worst)


def _apart(law: str, index: int, error: Error) -> Verdict:
    text = f"output {index} differs at token {error.token} by {error.difference:.3g}"
    witness = Witness(text, None, error.token, error.row, error.difference, output=index)
    return fails(law, witness, ratio=error.ratio)


def _narrow(stream: Any) -> Any:
    array = np.asarray(stream)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
