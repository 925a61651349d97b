"""Looking at a race before it ends, without paying for it in false promotions.

A race trains few seeds, looks, and trains more of what may still be good. Each look is a chance to
be fooled; the bounds here share one error over all of them.
"""

from __future__ import annotations

from functools import lru_cache
from math import e, log, sqrt
from typing import Literal

import numpy as np

from asiarch.search.stats.special import Array, normal_cdf, normal_quantile, t_quantile

Spending = Literal["pocock", "obrien-fleming", "none"]


def spent(fraction: float, alpha: float, spending: Spending) -> float:
    """How much of alpha may be gone when this fraction of the seeds is in.

    Lan and DeMets (1983): `pocock` alpha ln(1 + (e - 1) t) lets a strong candidate through early;
    `obrien-fleming` 2 - 2 Phi(z(alpha / 2) / sqrt(t)) keeps nearly all for the end. `none` spends
    alpha at each look: it is no correction, and stands here to be seen failing.
    """
    if spending == "pocock":
        return alpha * log(1 + (e - 1) * fraction)
    if spending == "obrien-fleming":
        return float(2 - 2 * normal_cdf(normal_quantile(1 - alpha / 2) / sqrt(fraction)))
    raise ValueError(f"no spending function {spending!r}; there are pocock, obrien-fleming")


@lru_cache(maxsize=64)
def bounds(seeds: tuple[int, ...], alpha: float, spending: Spending) -> tuple[float, ...]:
    """Critical values of the standardised mean at each look, one-sided, for increasing numbers of
    seeds. Under no effect the chance ever to be above one of them is alpha.

    The sum over seeds is a walk with independent normal steps; its density below the bounds so far
    is carried from look to look by quadrature (Armitage, McPherson and Rowe 1969).
    """
    if list(seeds) != sorted(set(seeds)) or not seeds or seeds[0] < 1:
        raise ValueError(f"looks come at increasing numbers of seeds, not {seeds}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a probability, not {alpha}")
    if spending == "none":
        return (float(normal_quantile(1 - alpha)),) * len(seeds)
    found: list[float] = []
    walk, mass = np.zeros(1), np.ones(1)
    before, gone = 0, 0.0
    for n in seeds:
        allowed = spent(n / seeds[-1], alpha, spending) - gone
        z = _critical(walk, mass, n - before, n, allowed)
        found.append(z)
        walk, mass = _carried(walk, mass, n - before, z * sqrt(n), -9 * sqrt(n))
        before, gone = n, gone + allowed
    return tuple(found)


def _critical(walk: Array, mass: Array, steps: int, n: int, allowed: float) -> float:
    low, high = -9.0, 9.0
    for _ in range(80):
        z = (low + high) / 2
        above = float((mass * normal_cdf((walk - z * sqrt(n)) / sqrt(steps))).sum())
        low, high = (z, high) if above > allowed else (low, z)
    return (low + high) / 2


def _carried(
    walk: Array, mass: Array, steps: int, top: float, bottom: float
) -> tuple[Array, Array]:
    """The walk after more steps, where it is still below the bound; Gauss-Legendre nodes."""
    node, weight = np.polynomial.legendre.leggauss(160)
    at = bottom + (top - bottom) * (node + 1) / 2
    gap = (at[:, None] - walk) / sqrt(steps)
    density = np.exp(-(gap**2) / 2) / sqrt(2 * np.pi * steps)
    return at, (density * mass).sum(1) * weight * (top - bottom) / 2


def factors(
    seeds: tuple[int, ...], alpha: float, spending: Spending, df: float
) -> tuple[float, ...]:
    """The bounds for a sigma estimated with `df` degrees of freedom: Student quantiles at the same
    tails.
    """
    tails = normal_cdf(np.asarray(bounds(seeds, alpha, spending)))
    return tuple(float(t) for t in t_quantile(tails, df))


def always_valid(n: int, sigma: float, alpha: float, tuned: int = 8) -> float:
    """Half width of an interval for a mean that may be looked at after every seed, for ever.

    Robbins' normal mixture: with probability 1 - alpha the mean of all n is within it at every n
    at once; narrowest near n = `tuned`. For elites, which have no last look.
    """
    if n < 1:
        raise ValueError("an interval needs one seed at least")
    scale = tuned / _tuning(alpha)
    return sigma * sqrt((n + scale) * log((n + scale) / (scale * alpha**2))) / n


def _tuning(alpha: float) -> float:
    """n / scale at which the half width at n is least: u with u = ln(1 + u) - 2 ln alpha."""
    u = 1.0
    for _ in range(60):
        u = log(1 + u) - 2 * log(alpha)
    return u
