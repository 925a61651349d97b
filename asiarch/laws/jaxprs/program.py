"""A jax program against its token loop, exactly in the ring.

The oracle is that of `asiarch.laws.program.exact`: outputs bit for bit, gradients by the adjoint
identity <u, J v> = <J' u, v>. What is read is the jaxpr that jax itself compiles. All of these need
`jax.enable_x64`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.ring import Ring
from asiarch.ir.function import Function
from asiarch.laws.jaxprs.exact import (
    Exact,
    Residues,
    first_difference,
    listed,
    plain,
    streams_of,
    units,
)
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

    program: what `compile(..., backend="jax")` gives.
    """
    law, rng = "program = jax functions, ring", np.random.default_rng(seed)
    params = {path: units(rng, x.shape) for path, x in program.params.items()}
    streams = streams_of(function, batch, time, rng)
    expected = loop(function, params, streams)
    outputs = listed(Exact()(program.apply, params, *streams))
    for index, (ours, truth) in enumerate(zip(outputs, expected, strict=True)):
        token = first_difference(ours, truth)
        if token is not None:
            text = f"output {index} differs exactly from token {token} on"
            return fails(law, Witness(text, None, token))
    if not gradients:
        return holds(law, f"outputs equal in every bit, {batch} x {time} tokens")
    cotangents = [units(rng, np.shape(o)) for o in expected]
    return _adjoint(law, function, program, params, streams, cotangents, rng)


def loop(function: Function, params: Mapping[str, Residues], streams: Sequence[Any]) -> list[Any]:
    """Outputs of the token loop."""
    values = {path: x.array for path, x in params.items()}
    return Reference(function, values, Ring()).evaluate([plain(s) for s in streams])


def _adjoint(
    law: str,
    function: Function,
    program: Any,
    params: Mapping[str, Residues],
    streams: Sequence[Any],
    cotangents: Sequence[Residues],
    rng: np.random.Generator,
) -> Verdict:
    moving = [n for n, x in enumerate(streams) if isinstance(x, Residues)]

    def pulled(params: Any, streams: Any, cotangents: Any) -> Any:
        def outputs(params: Any, changed: Any) -> Any:
            places = dict(zip(moving, changed, strict=True))
            return listed(program.apply(params, *(places.get(n, x) for n, x in enumerate(streams))))

        _, pullback = jax.vjp(outputs, params, [streams[n] for n in moving])
        return pullback(cotangents)

    of_params, of_streams = Exact()(pulled, params, list(streams), list(cotangents))
    grads = {**of_params, **{str(n): g for n, g in zip(moving, of_streams, strict=True)}}
    for _ in range(DRAWS):
        tangents = {name: units(rng, g.shape).array for name, g in grads.items()}
        pairs = {path: Pair(x.array, tangents[path]) for path, x in params.items()}
        inputs = [
            Pair(x.array, tangents[str(n)]) if n in moving else x for n, x in enumerate(streams)
        ]
        pushed = Reference(function, pairs, Dual(Ring())).evaluate(inputs)
        found = _inner((o.tangent, u.array) for o, u in zip(pushed, cotangents, strict=True))
        if found != _inner((g.array, tangents[name]) for name, g in grads.items()):
            return fails(law, "a gradient is wrong")
    return holds(law, f"outputs and {len(grads)} gradients equal in every bit")


def _inner(pairs: Any) -> int:
    total = 0
    for a, b in pairs:
        total = (total + int(ring.total(ring.mul(np.ravel(a), np.ravel(b))))) % ring.N
    return total
