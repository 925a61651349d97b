"""Functions of jax in the ring: traced as jax traces them, read with residues for floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.function import Function
from asiarch.laws.jaxprs.ring import reader
from asiarch.laws.jaxprs.spelled import spelled


@dataclass(frozen=True, slots=True, eq=False)
class Residues:
    """An array that stands for floating numbers: int64 residues."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.array)

    def __getitem__(self, where: Any) -> Residues:
        return Residues(self.array[where])


@dataclass(slots=True)
class Exact:
    """Runs functions in the ring, each traced once for arguments of the same shapes.

    Arguments and results are trees of `Residues` and of arrays of whole numbers.
    """

    traces: dict[Any, Any] = field(default_factory=dict[Any, Any])

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's results. It must not change between calls."""
        leaves, tree = jax.tree.flatten(arguments)
        shapes = [_shape(x) for x in leaves]
        known = function, tree, tuple((s.shape, str(s.dtype)) for s in shapes)
        if known not in self.traces:
            with spelled():
                traced = jax.make_jaxpr(function, return_shape=True)
                self.traces[known] = traced(*jax.tree.unflatten(tree, shapes))
        closed, shape = self.traces[known]
        found = reader().run(closed, *(x.array if isinstance(x, Residues) else x for x in leaves))
        out, structure = jax.tree.flatten(shape)
        wrapped = [
            Residues(x) if np.issubdtype(s.dtype, np.floating) else x
            for x, s in zip(found, out, strict=True)
        ]
        return jax.tree.unflatten(structure, wrapped)


def _shape(x: Any) -> Any:
    kind = jnp.float64 if isinstance(x, Residues) else np.asarray(x).dtype
    return jax.ShapeDtypeStruct(np.shape(x), kind)


def listed(outputs: Any) -> list[Any]:
    """One output or several, as a list."""
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def units(rng: np.random.Generator, shape: Sequence[int]) -> Residues:
    """Random ring elements that can be divided by."""
    drawn = ring.random(rng, tuple(shape))
    return Residues(np.where(drawn % ring.P == 0, drawn + 1, drawn))


def plain(x: Any) -> Any:
    """What the token loop takes."""
    return x.array if isinstance(x, Residues) else x


def streams_of(function: Function, batch: int, time: int, rng: Any) -> list[Any]:
    """Random inputs of a function."""
    found: list[Any] = []
    for leaf in function.inputs:
        sizes = [int(function.axes[a].integer or 0) for a in leaf.type.axes]
        if leaf.type.mode == "token":
            vocab = function.axes.get(leaf.type.vocab or "", None)
            count = int(vocab.integer or 2) if vocab is not None else 2
            found.append(rng.integers(0, count, (batch, time)))
        else:
            found.append(units(rng, [*((batch, time) if leaf.type.stream else ()), *sizes]))
    return found


def first_difference(ours: Any, truth: Any) -> int | None:
    """The first token [batch, time, ...] in which residues differ; None: equal in every bit."""
    differs = np.asarray(plain(ours)) != np.asarray(truth)
    if not differs.any():
        return None
    return int(np.argwhere(differs.reshape(*differs.shape[:2], -1).any(axis=(0, 2)))[0][0])
