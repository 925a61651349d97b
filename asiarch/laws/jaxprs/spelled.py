"""Functions of `jax.nn` that are known by their names in the ring.

jax writes softplus as a logaddexp and gelu by erfc: functions that the ring has no laws for. Inside
the context they are primitives of their own, or spelled by functions that it has.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching

from asiarch.laws.jaxprs.reader import UnreadError


def _primitive(name: str, slope: Any) -> Any:
    """A function of each number, with its derivative."""
    made: Any = Primitive(name)
    rules: Any = ad
    vectors: Any = batching
    made.def_abstract_eval(lambda x: x)
    rules.defjvp(made, lambda tangent, x: tangent * slope(x))
    vectors.defvectorized(made)
    return made


_softplus = _primitive("ring_softplus", lax.logistic)
_log_sigmoid = _primitive("ring_log_sigmoid", lambda x: 1 - lax.logistic(x))


def _gelu(x: Any, approximate: bool = True) -> Any:
    if approximate:
        raise ValueError("the ring reads gelu without approximation")
    return x * ((1 + lax.erf(x * 0.5**0.5)) * 0.5)


def _logaddexp(x: Any, y: Any) -> Any:
    raise UnreadError("logaddexp has no reading in the ring: exp does not undo the log of a sum")


_SPELLED: list[tuple[Any, str, Any]] = [
    (jax.nn, "softplus", _softplus.bind),
    (jax.nn, "log_sigmoid", _log_sigmoid.bind),
    (jax.nn, "gelu", _gelu),
    (jnp, "logaddexp", _logaddexp),
]


@contextmanager
def spelled() -> Generator[None]:
    """Inside, what is traced has the functions above by name."""
    kept = [(module, name, getattr(module, name)) for module, name, _ in _SPELLED]
    try:
        for module, name, function in _SPELLED:
            setattr(module, name, function)
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)
