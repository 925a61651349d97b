"""Primitives that move numbers and compute with none: the same in every reading of a jaxpr."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax import lax
from jax import numpy as jnp

from asiarch.laws.jaxprs.reader import Reading

MOVES: dict[str, Reading] = {}


def moves(*names: str) -> Callable[[Reading], Reading]:
    """Enter a reading under some primitives."""

    def enter(function: Reading) -> Reading:
        MOVES.update(dict.fromkeys(names, function))
        return function

    return enter


@moves("copy", "copy_p", "stop_gradient", "device_put", "optimization_barrier", "reduce_precision")
def _same(equation: Any, *xs: Any) -> Any:
    return list(xs) if equation.primitive.multiple_results else xs[0]


@moves("broadcast_in_dim")
def _broadcast(equation: Any, x: Any, *_: Any) -> Any:
    shape = equation.params["shape"]
    sizes = [1] * len(shape)
    for place, dim in enumerate(equation.params["broadcast_dimensions"]):
        sizes[dim] = x.shape[place]
    return np.broadcast_to(np.reshape(x, sizes), shape)


@moves("reshape")
def _reshape(equation: Any, x: Any, *_: Any) -> Any:
    return np.reshape(x, equation.params["new_sizes"])


@moves("transpose")
def _transpose(equation: Any, x: Any) -> Any:
    return np.transpose(x, equation.params["permutation"])


@moves("squeeze")
def _squeeze(equation: Any, x: Any) -> Any:
    return np.squeeze(x, equation.params["dimensions"])


@moves("expand_dims")
def _expand(equation: Any, x: Any) -> Any:
    return np.expand_dims(x, equation.params["dimensions"])


@moves("rev")
def _rev(equation: Any, x: Any) -> Any:
    return np.flip(x, equation.params["dimensions"])


@moves("concatenate")
def _concatenate(equation: Any, *xs: Any) -> Any:
    return np.concatenate(xs, equation.params["dimension"])


@moves("stack")
def _stack(equation: Any, *xs: Any) -> Any:
    return np.stack(xs, equation.params["axis"])


@moves("unstack")
def _unstack(equation: Any, x: Any) -> Any:
    return list(np.moveaxis(x, equation.params["axis"], 0))


@moves("split")
def _split(equation: Any, x: Any) -> Any:
    sizes, axis = equation.params["sizes"], equation.params["axis"]
    return np.split(x, np.cumsum(sizes)[:-1], axis)


@moves("slice")
def _slice(equation: Any, x: Any) -> Any:
    starts, limits = equation.params["start_indices"], equation.params["limit_indices"]
    steps = equation.params["strides"] or (1,) * len(starts)
    return x[tuple(slice(a, b, s) for a, b, s in zip(starts, limits, steps, strict=True))]


def _inside(starts: Sequence[Any], sizes: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    found: list[slice] = []
    for start, size, length in zip(starts, sizes, shape, strict=True):
        first = min(max(int(start), 0), length - size)
        found.append(slice(first, first + size))
    return tuple(found)


@moves("dynamic_slice")
def _dynamic_slice(equation: Any, x: Any, *starts: Any) -> Any:
    return x[_inside(starts, equation.params["slice_sizes"], x.shape)]


@moves("dynamic_update_slice")
def _dynamic_update(equation: Any, x: Any, update: Any, *starts: Any) -> Any:
    result = np.array(x)
    result[_inside(starts, update.shape, x.shape)] = update
    return result


@moves("pad")
def _pad(equation: Any, x: Any, fill: Any) -> Any:
    config = equation.params["padding_config"]
    shape = [
        low + high + n + max(n - 1, 0) * inner
        for n, (low, high, inner) in zip(x.shape, config, strict=True)
    ]
    room = [(max(low, 0), max(high, 0), inner) for low, high, inner in config]
    wide = np.full(
        [a + b + n + max(n - 1, 0) * i for n, (a, b, i) in zip(x.shape, room, strict=True)],
        fill,
        np.asarray(x).dtype,
    )
    wide[
        tuple(
            slice(a, a + n + max(n - 1, 0) * i, i + 1)
            for n, (a, _, i) in zip(x.shape, room, strict=True)
        )
    ] = x
    cuts = tuple(
        slice(max(-low, 0), max(-low, 0) + n) for n, (low, _, _) in zip(shape, config, strict=True)
    )
    return wide[cuts]


@moves("iota")
def _iota(equation: Any, *_: Any) -> Any:
    shape, dim = equation.params["shape"], equation.params["dimension"]
    sizes = [n if d == dim else 1 for d, n in enumerate(shape)]
    ramp = np.arange(shape[dim]).reshape(sizes)
    return np.broadcast_to(ramp, shape).astype(np.int64)


@moves("select_n")
def _select(equation: Any, which: Any, *cases: Any) -> Any:
    if len(cases) == 2:
        return np.where(np.asarray(which, np.bool_), cases[1], cases[0])
    return np.choose(which, cases)


@moves("gather")
def _gather(equation: Any, x: Any, places: Any) -> Any:
    """Through jax itself, on whole numbers: what it moves is not looked at."""
    params = dict(equation.params)
    if params["fill_value"] is not None:
        params["fill_value"] = 0
    return np.asarray(equation.primitive.bind(_held(x), _held(places), **params))


@moves("scatter-add")
def _scatter_add(equation: Any, x: Any, places: Any, added: Any) -> Any:
    kept = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
    options = {name: equation.params[name] for name in kept}
    return np.asarray(lax.scatter_add(_held(x), _held(places), _held(added), **options))


def _held(x: Any) -> Any:
    return jnp.asarray(np.ascontiguousarray(x))
