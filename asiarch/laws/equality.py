"""The law parallel = recurrent: a module equals a token loop that reads its parameters.

Three oracles. "ring": outputs and gradients in exact arithmetic, bit for bit. "float64": to 1e-12
of the row's maximum. "float32" (or bfloat16): at most as far from float64 as `tolerances` allows a
form whose token loop errs as it does. A reference is called as reference(module, *streams); where
it cannot be differentiated (numpy), the caller leaves gradients out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from asiarch.laws.form import Form, Streams
from asiarch.laws.ringmode import RingMode
from asiarch.laws.subject import Subject, double
from asiarch.laws.tolerances import FLOAT64, Error, compare, compare_with_loop, loop_share
from asiarch.laws.verdict import Verdict, Witness, fails, holds

Reference = Callable[..., Any]
Oracle = Literal["ring", "float64", "float32", "bfloat16"]


def parallel_equals_recurrent(
    module: nn.Module,
    reference: Reference,
    streams: Sequence[Tensor],
    oracle: Oracle = "ring",
    gradients: bool = True,
    generator: torch.Generator | None = None,
) -> Verdict:
    """Compare a module with a token loop.

    streams: real numbers [batch, time, ...]; in the ring, floats are replaced by random residues of
    their shapes, and so are the parameters. gradients: also those of streams and parameters, along
    a random cotangent.
    """
    generator = generator or torch.Generator().manual_seed(0)
    law = f"parallel = recurrent, {oracle}"
    if oracle == "ring":
        return _in_ring(law, module, reference, tuple(streams), gradients, generator)
    if oracle == "float64":
        return _in_float64(law, module, reference, tuple(streams), gradients, generator)
    return _below(
        law, module, reference, tuple(streams), getattr(torch, oracle), gradients, generator
    )


Named = list[tuple[str, Tensor]]


def _evaluate(
    subject: Subject,
    function: Callable[..., Any],
    streams: Streams,
    cotangents: list[Tensor] | None,
) -> Named:
    """Outputs; with cotangents also gradients of streams and parameters; as [batch, time, ...]."""
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in streams]
    out = function(*leaves)
    outputs = Form().read(out, leaves[0])
    named: Named = [(f"output {i}", x.detach()) for i, x in enumerate(outputs)]
    if cotangents is None:
        return named
    wanted = [(f"gradient of stream {i}", x) for i, x in enumerate(leaves) if x.requires_grad]
    wanted += [(f"gradient of {n}", p) for n, p in subject.module.named_parameters()]
    kept = [(y, c) for y, c in zip(outputs, cotangents, strict=True) if y.requires_grad]
    grads = torch.autograd.grad(
        [y for y, _ in kept],
        [x for _, x in wanted],
        [c for _, c in kept],
        allow_unused=True,
        materialize_grads=True,
    )
    for (name, _), grad in zip(wanted, grads, strict=True):
        named.append((name, grad.reshape(1, 1, -1) if _of_parameter(name) else grad))
    return named


def _of_parameter(name: str) -> bool:
    return name.startswith("gradient of ") and not name.startswith("gradient of stream ")


def _calls(subject: Subject, reference: Reference) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return subject.module, lambda *streams: reference(subject.module, *streams)


def _in_ring(
    law: str,
    module: nn.Module,
    reference: Reference,
    streams: Streams,
    gradients: bool,
    generator: torch.Generator,
) -> Verdict:
    subject = Subject(module).doubled()
    RingMode.randomize(subject.module, generator)
    drawn = tuple(
        RingMode.random(x.shape, generator) if x.is_floating_point() else x for x in streams
    )
    with RingMode():
        shapes = [x.shape for x in subject.outputs(drawn)]
        cotangents = [RingMode.random(s, generator) for s in shapes] if gradients else None
        ours, theirs = (
            _evaluate(subject, f, drawn, cotangents) for f in _calls(subject, reference)
        )
        pairs = [(name, x, y) for (name, x), (_, y) in zip(ours, theirs, strict=True)]
    for name, x, y in pairs:
        differs = torch.as_tensor(RingMode.values(x) != RingMode.values(y))
        if differs.any():
            share = float(differs.double().mean())
            return fails(law, _in_ring_witness(name, differs, share))
    return holds(law, f"equal in every bit: {', '.join(name for name, _, _ in pairs)}")


def _in_ring_witness(name: str, differs: Tensor, share: float) -> Witness:
    if _of_parameter(name):
        return Witness(f"{name} differs exactly in {share:.0%} of its elements")
    tokens = differs.flatten(2).any(2) if differs.dim() > 2 else differs
    token = int(tokens.any(0).int().argmax())
    row = int(tokens[:, token].int().argmax())
    text = f"{name} differs exactly from token {token} (batch row {row}) on, {share:.0%} of all"
    return Witness(text, None, token, row)


def _in_float64(
    law: str,
    module: nn.Module,
    reference: Reference,
    streams: Streams,
    gradients: bool,
    generator: torch.Generator,
) -> Verdict:
    subject, streams = Subject(module).doubled(), double(streams)
    cotangents = _cotangents(subject, streams, generator) if gradients else None
    ours, theirs = (_evaluate(subject, f, streams, cotangents) for f in _calls(subject, reference))
    errors = [(n, compare(x, y, FLOAT64)) for (n, x), (_, y) in zip(ours, theirs, strict=True)]
    return _judge(law, errors, "float64")


def _cotangents(subject: Subject, streams: Streams, generator: torch.Generator) -> list[Tensor]:
    outputs = subject.outputs(streams)
    return [torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y) for y in outputs]


def _below(
    law: str,
    module: nn.Module,
    reference: Reference,
    streams: Streams,
    dtype: torch.dtype,
    gradients: bool,
    generator: torch.Generator,
) -> Verdict:
    low = Subject(module)
    low.require_copy()
    low.module.to(dtype)
    exact = Subject(low.module).doubled()
    narrow = tuple(x.to(dtype) if x.is_floating_point() else x for x in streams)
    cotangents = _cotangents(low, narrow, generator) if gradients else None
    wide = [c.double() for c in cotangents] if cotangents is not None else None
    form, loop = (_pooled(_evaluate(low, f, narrow, cotangents)) for f in _calls(low, reference))
    truth = _pooled(_evaluate(exact, _calls(exact, reference)[1], double(narrow), wide))
    errors: list[tuple[str, Error]] = []
    for (name, x), (_, y), (_, z) in zip(form, loop, truth, strict=True):
        share = loop_share(y, z) if name.startswith("gradient") else 0.0
        errors.append((name, compare_with_loop(x, y, z, share)))
    return _judge(law, errors, str(dtype).removeprefix("torch."))


def _pooled(named: Named) -> Named:
    """All parameters' gradients as one row: a single bias sums terms that cancel at will."""
    rows = [x for name, x in named if _of_parameter(name)]
    rest = [(name, x) for name, x in named if not _of_parameter(name)]
    return [*rest, ("gradient of all parameters", torch.cat(rows, 2))] if rows else rest


def _judge(law: str, errors: list[tuple[str, Error]], dtype: str) -> Verdict:
    name, worst = max(errors, key=lambda e: e[1].ratio)
    if worst.ratio > 1:
        place = f" at token {worst.token} (batch row {worst.row})"
        text = f"{name} differs in {dtype}{'' if _of_parameter(name) else place}"
        witness = Witness(
            f"{text} by {worst.difference:.3g}", None, worst.token, worst.row, worst.difference
        )
        return fails(law, witness, ratio=worst.ratio)
    return holds(law, f"{len(errors)} tensors agree, worst {name}", worst.ratio)
