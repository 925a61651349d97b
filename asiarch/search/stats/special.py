"""Distribution functions and quantiles, over arrays; scipy is loaded when one is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class MissingLibrary(RuntimeError):
    """A library of the extra `search` is not installed; the message says how to get it."""


def library(name: str) -> Any:
    """A module of scipy, scikit-learn, statsmodels or networkx. Raises MissingLibrary."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingLibrary(
            f"the statistics of a search need {name.split('.')[0]}: pip install 'asiarch[search]'"
        ) from None


def _call(name: str, *values: ArrayLike) -> Array:
    return np.asarray(getattr(library("scipy.special"), name)(*values), dtype=np.float64)


def normal_cdf(z: ArrayLike) -> Array:
    return _call("ndtr", z)


def normal_quantile(p: ArrayLike) -> Array:
    return _call("ndtri", p)


def t_cdf(t: ArrayLike, df: ArrayLike) -> Array:
    return _call("stdtr", df, t)


def t_quantile(p: ArrayLike, df: ArrayLike) -> Array:
    return _call("stdtrit", df, p)


def t_above(t: ArrayLike, df: ArrayLike, shift: ArrayLike) -> Array:
    """P(T > t) of the noncentral t."""
    return 1 - _call("nctdtr", df, shift, t)


def beta_quantile(p: ArrayLike, a: ArrayLike, b: ArrayLike) -> Array:
    return _call("betaincinv", a, b, p)


def chi2_quantile(p: ArrayLike, df: ArrayLike) -> Array:
    return 2 * _call("gammaincinv", np.asarray(df, dtype=float) / 2, p)


def f_quantile(p: ArrayLike, above: ArrayLike, below: ArrayLike) -> Array:
    return _call("fdtri", above, below, p)


def binomial_above(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> Array:
    """P(X >= k) for X of n trials."""
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    inside = _call("betainc", np.maximum(k, 0.5), np.maximum(n - k + 1, 0.5), p)
    return np.where(k <= 0, 1.0, np.where(k > n, 0.0, inside))
