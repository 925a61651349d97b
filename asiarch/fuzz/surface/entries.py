"""Operators that act entry by entry, as numpy spells their textbook definitions."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _truth(x: Any) -> Any:
    return np.asarray(x).astype(np.float64)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


ENTRIES: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "anneal": lambda a, b, steps: b,
    "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "cos": np.cos,
    "dropout": lambda x: x,
    "erf": np.vectorize(math.erf, otypes=[float]),
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "logsigmoid": lambda x: -np.logaddexp(0, -x),
    "max": np.maximum,
    "min": np.minimum,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "sign": np.sign,
    "sin": np.sin,
    "softplus": lambda x: np.logaddexp(0, x),
    "sqrt": np.sqrt,
    "step": lambda x: _truth(x > 0),
    "tanh": np.tanh,
}
"""Called with values alone, in the language's words. In evaluation `anneal` is b, `dropout` x."""

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "%": lambda x, y: x - y * np.floor(x / y),
    "^": np.power,
    "<": lambda x, y: _truth(x < y),
    "<=": lambda x, y: _truth(x <= y),
    ">": lambda x, y: _truth(x > y),
    ">=": lambda x, y: _truth(x >= y),
    "==": lambda x, y: _truth(x == y),
    "!=": lambda x, y: _truth(x != y),
    "and": lambda x, y: _truth((x != 0) & (y != 0)),
    "or": lambda x, y: _truth((x != 0) | (y != 0)),
}
"""Written between values of equal axes. `*` and `/` join axes and are not here."""
