"""A jax program against its token loop: exactly in the ring, and in float64.

The exact oracle is that of `program.exact`: outputs bit for bit, gradients by the adjoint identity
<u, J v> = <J' u, v>. What is read is the jaxpr that jax itself compiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from asiarch.codegen.reference import Reference
from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.ring import Ring
from asiarch.ir.function import Function
from asiarch.laws.jaxprs.ring import reader
from asiarch.laws.jaxprs.spelled import spelled
from asiarch.laws.verdict import Verdict, Witness, fails, holds

DRAWS = 4


def exact(
    function: Function,
    program: Any,
    *,
    batch: int = 1,
    time: int = 9,
    seed: int = 0,
    gradients: bool = True,
) -> Verdict:
    """The emitted functions equal the token loop of their flat function in every bit of the ring.

    program: what `compile(..., backend="jax")` gives. Needs `jax.enable_x64`.
    """
    law, rng = "program = jax functions, ring", np.random.default_rng(seed)
    values = {path: _units(rng, x.shape) for path, x in program.params.items()}
    streams = [_stream(function, leaf, batch, time, rng) for leaf in function.inputs]
    expected = Reference(function, values, Ring()).evaluate(streams)
    outputs = _read(lambda p, *xs: _listed(program.apply(p, *xs)), values, streams)
    for index, (ours, truth) in enumerate(zip(outputs, expected, strict=True)):
        differs = np.asarray(ours) != np.asarray(truth)
        if differs.any():
            token = int(np.argwhere(differs.reshape(batch, time, -1).any(axis=(0, 2)))[0][0])
            text = f"output {index} differs exactly from token {token} on"
            return fails(law, Witness(text, None, token))
    if not gradients:
        return holds(law, f"outputs equal in every bit, {batch} x {time} tokens")
    return _adjoint(law, function, program, values, streams, rng)


def _units(rng: np.random.Generator, shape: Sequence[int]) -> Any:
    """Random ring elements that can be divided by."""
    drawn = ring.random(rng, tuple(shape))
    return np.where(drawn % ring.P == 0, drawn + 1, drawn)


def _stream(function: Function, leaf: Any, batch: int, time: int, rng: Any) -> Any:
    sizes = [int(function.axes[a].integer or 0) for a in leaf.type.axes]
    if leaf.type.mode == "token":
        vocab = function.axes.get(leaf.type.vocab or "", None)
        count = int(vocab.integer or 2) if vocab is not None else 2
        return rng.integers(0, count, (batch, time))
    return _units(rng, [*((batch, time) if leaf.type.stream else ()), *sizes])


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def _read(call: Any, values: Mapping[str, Any], streams: Sequence[Any], *more: Any) -> list[Any]:
    """Results in the ring of a function of parameters and streams; residues stand for floats."""

    def blank(x: Any, real: bool) -> Any:
        return jax.ShapeDtypeStruct(np.shape(x), jnp.float64 if real else jnp.int64)

    given = [values, *streams, *more]
    shapes = [
        {k: blank(v, True) for k, v in values.items()},
        *(blank(s, np.max(s, initial=0) >= 2**16) for s in streams),
        *(blank(m, True) for m in more),
    ]
    with spelled():
        closed = jax.make_jaxpr(call)(*shapes)
    leaves = jax.tree.leaves(given)
    return reader().run(closed, *leaves)


def _adjoint(
    law: str,
    function: Function,
    program: Any,
    values: Mapping[str, Any],
    streams: Sequence[Any],
    rng: np.random.Generator,
) -> Verdict:
    moving = [n for n, leaf in enumerate(function.inputs) if leaf.type.mode != "token"]

    def pulled(params: Any, *given: Any) -> Any:
        whole, cotangents = list(given[: len(streams)]), given[len(streams) :]

        def outputs(params: Any, *changed: Any) -> Any:
            for n, x in zip(moving, changed, strict=True):
                whole[n] = x
            return _listed(program.apply(params, *whole))

        _, pullback = jax.vjp(outputs, params, *(whole[n] for n in moving))
        return pullback(list(cotangents))

    expected = Reference(function, dict(values), Ring()).evaluate(list(streams))
    cotangents = [_units(rng, np.shape(o)) for o in expected]
    grads = _read(pulled, values, streams, *cotangents)
    names = [*sorted(values), *(f"stream {n}" for n in moving)]
    for _ in range(DRAWS):
        tangents = [_units(rng, np.shape(g)) for g in grads]
        along = dict(zip(names, tangents, strict=True))
        params = {path: Pair(x, along[path]) for path, x in values.items()}
        inputs = [Pair(x, along[f"stream {n}"]) if n in moving else x
                  for n, x in enumerate(streams)]  # fmt: skip
        pushed = Reference(function, params, Dual(Ring())).evaluate(inputs)
        found = _inner((o.tangent, u) for o, u in zip(pushed, cotangents, strict=True))
        if found != _inner(zip(grads, tangents, strict=True)):
            return fails(law, "a gradient is wrong")
    return holds(law, f"outputs and {len(names)} gradients equal in every bit")


def _inner(pairs: Any) -> int:
    total = 0
    for a, b in pairs:
        total = (total + int(ring.total(ring.mul(np.ravel(a), np.ravel(b))))) % ring.N
    return total
