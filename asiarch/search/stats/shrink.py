"""Empirical-Bayes shrinkage: what an effect is, given how large effects of its kind are.

The best of many noisy effects is large because it is noisy; its posterior mean is not, whatever
picked it out. Works along the last axis; leading axes are independent populations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asiarch.search.stats.special import Array, chi2_quantile, normal_cdf

POINTS = 24
TAILS = (0.0, 0.002, 0.02, 0.1, 0.3, 0.6, 1.0)  # slices of a chi-squared, thin where it is small


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Posterior of each effect: arrays of the effects' shape. `centre` and `spread`: the mean and
    the sd over the population at the maximum of the marginal likelihood.
    """

    mean: Array
    sd: Array
    centre: Array
    spread: Array
    mixture: tuple[Array, Array, Array]

    def above(self, margin: float = 0.0) -> Array:
        """The posterior probability of an effect above the margin."""
        weight, mean, sd = self.mixture
        return 1 - (weight * _normal(margin, mean, sd)).sum(-1)

    def quantile(self, p: float) -> Array:
        """The posterior quantile, by bisection."""
        weight, mean, sd = self.mixture
        low: Array = (mean - 9 * sd).min(-1)
        high: Array = (mean + 9 * sd).max(-1)
        for _ in range(40):
            middle: Array = (low + high) / 2
            left = (weight * _normal(middle[..., None], mean, sd)).sum(-1) < p
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        return (low + high) / 2

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Equal tails."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)


def shrink(
    effects: ArrayLike,
    errors: ArrayLike,
    *,
    prior: Literal["normal", "robust"] = "normal",
    centre: float | None = None,
    skeptical: bool = False,
    known: NDArray[np.bool_] | None = None,
) -> Shrunk:
    """Posteriors of effects [..., N] with standard errors of the same shape (or one for all).

    normal: effects are normal about `centre` (None: unknown, flat prior). Their sd over the
      population has a flat prior too and is integrated, not plugged in, so that intervals of small
      populations are honest (Morris 1983 corrects the plug-in; this is the exact form).
    robust: the same with Student tails (3 degrees of freedom) about `centre` (None: the median):
      one giant neither drags the others along nor is dragged in.
    skeptical: the centre is never above 0; a good crowd does not vouch for its members.
    known: which entries of a padded array are effects at all; the rest mean nothing in the result.

    Raises ValueError for errors that are not positive, or for missing effects.
    """
    y = np.asarray(effects, dtype=float)
    s = np.broadcast_to(np.asarray(errors, dtype=float), y.shape)
    if not y.size:
        raise ValueError("there are no effects to shrink")
    if not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ValueError("effects must be numbers and their errors positive: leave failures out")
    there = np.ones(y.shape, dtype=bool) if known is None else known
    make = _normal_prior if prior == "normal" else _robust_prior
    return make(y, s, there, centre, skeptical)


def _normal(x: ArrayLike, mean: Array, sd: Array) -> Array:
    """P(X < x), a point mass where the sd is 0."""
    gap = np.asarray(x, dtype=float) - mean
    at_once = np.where(gap > 0, 1.0, np.where(gap < 0, 0.0, 0.5))
    return np.where(sd > 0, normal_cdf(gap / np.where(sd > 0, sd, 1.0)), at_once)


def _summary(weight: Array, mean: Array, variance: Array, centre: Array, spread: Array) -> Shrunk:
    first = (weight * mean).sum(-1)
    second = (weight * (variance + mean**2)).sum(-1) - first**2
    return Shrunk(first, np.sqrt(np.maximum(second, 0)), centre, spread,
                  (weight, mean, np.sqrt(variance)))  # fmt: skip


def _grid(s: Array) -> tuple[Array, Array]:
    """Values of the population's sd [..., 1, G], fine near the errors' scale and coarse far out,
    and the log of how much of the sd's line each stands for [G].
    """
    ratio = np.tan(np.pi / 2 * (np.arange(POINTS) + 0.5) / POINTS)
    return (np.median(s, axis=-1, keepdims=True) * ratio)[..., None, :], np.log1p(ratio**2)


def _median(values: Array, known: NDArray[np.bool_]) -> Array:
    """Of the known entries [..., 1]; 0 where there are none."""
    line = np.sort(np.where(known, values, np.inf), axis=-1)
    count = known.sum(-1, keepdims=True)
    pair = [np.take_along_axis(line, np.maximum(i, 0), -1) for i in ((count - 1) // 2, count // 2)]
    return np.where(count > 0, (pair[0] + np.where(count > 0, pair[1], 0)) / 2, 0.0)


def _normalised(log: Array) -> Array:
    weight = np.exp(log - log.max(-1, keepdims=True))
    return weight / weight.sum(-1, keepdims=True)


def _at_best(log: Array, *values: Array) -> list[Array]:
    """Arrays [..., 1, G] where the log-likelihood [..., 1, G] is largest."""
    best = np.argmax(log, axis=-1)[..., None]
    return [np.take_along_axis(np.broadcast_to(v, log.shape), best, -1)[..., 0, 0] for v in values]


def _normal_prior(
    y: Array, s: Array, known: NDArray[np.bool_], centre: float | None, skeptical: bool
) -> Shrunk:
    tau, width = _grid(s)
    counts = known[..., None]
    total = s[..., None] ** 2 + tau**2
    precision = (counts / total).sum(-2, keepdims=True)
    if centre is None:
        mu = (counts * y[..., None] / total).sum(-2, keepdims=True) / precision
        doubt, free = 1 / precision, -0.5 * np.log(precision)
    else:
        mu, doubt = np.full_like(precision, centre), np.zeros_like(precision)
        free = doubt
    misfit = (counts * (np.log(total) + (y[..., None] - mu) ** 2 / total)).sum(-2, keepdims=True)
    log = free - 0.5 * misfit
    at = _at_best(log, mu, tau)
    if skeptical:
        mu = np.minimum(mu, 0.0)
    keep = tau**2 / total
    mean = keep * y[..., None] + (1 - keep) * mu
    variance = keep * s[..., None] ** 2 + (1 - keep) ** 2 * doubt
    return _summary(np.broadcast_to(_normalised(log + width), mean.shape), mean, variance, *at)


def _robust_prior(
    y: Array, s: Array, known: NDArray[np.bool_], centre: float | None, skeptical: bool
) -> Shrunk:
    tau, width = _grid(s)
    edges = np.asarray(TAILS)
    share = np.diff(edges)
    stretch = 3 / chi2_quantile((edges[1:] + edges[:-1]) / 2, 3)
    if centre is None:
        mu = _median(y, known)
        doubt = np.pi / 2 * (s[..., None] ** 2 + tau**2).mean(-2, keepdims=True)
        doubt = doubt / np.maximum(known.sum(-1), 1)[..., None, None]
    else:
        mu, doubt = np.full((*y.shape[:-1], 1), centre), np.zeros_like(tau)
    if skeptical:
        mu = np.minimum(mu, 0.0)
    prior = tau[..., None] ** 2 * stretch  # [..., 1, G, K]
    total = s[..., None, None] ** 2 + prior
    gap = (y - mu)[..., None, None]
    inside = np.log(share) - 0.5 * (np.log(total) + gap**2 / total)
    each = np.logaddexp.reduce(inside, axis=-1)
    log = (each * known[..., None]).sum(-2, keepdims=True)
    weight = _normalised(log + width)[..., None] * _normalised(inside)
    keep = prior / total
    mean = keep * gap + mu[..., None, None]
    variance = keep * s[..., None, None] ** 2 + (1 - keep) ** 2 * doubt[..., None]
    flat = (*y.shape, -1)
    (spread,) = _at_best(log, tau)
    return _summary(weight.reshape(flat), mean.reshape(flat), variance.reshape(flat),
                    mu[..., 0], spread)  # fmt: skip
