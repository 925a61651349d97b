"""Do few components bring most of the gain? Answered with an interval, or left open."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from asiarch.search.stats import cluster
from asiarch.search.stats.special import Array

SPLITS = 40
NOTHING = "No component could be taken out, so nothing is known of what few of them bring."


@dataclass(frozen=True, slots=True)
class Concentration:
    """`share`: what the best `top` of `kinds` bring of the whole gain. `answer`: yes where the
    interval is above a half, no where it is below.
    """

    share: cluster.Estimate
    top: int
    kinds: int

    @property
    def answer(self) -> Literal["yes", "no", "open"]:
        if self.share.low > 0.5:
            return "yes"
        return "no" if self.share.high < 0.5 else "open"


def concentration(
    losses: ArrayLike, rng: np.random.Generator, *, part: float = 0.2, level: float = 0.95
) -> Concentration:
    """Of losses [winners, kinds, seeds]: how much worse a winner of its own lineage is without a
    kind of component, by seed; `nan` where it has none.

    Which kinds are best is decided on one half of the seeds and what they bring is read from the
    other, over many splits: the largest of noisy losses would look like most of the gain by itself.
    Interval over winners. The gain is the sum of the losses: what components do only together
    counts twice, which the answer shares with every ablation one by one.
    """
    x = np.asarray(losses, dtype=float)
    winners, kinds, seeds = x.shape
    if seeds < 2:
        raise ValueError("choosing and measuring need two seeds at least")
    top = max(1, ceil(part * kinds - 1e-9))
    total = np.zeros((winners, 2))
    for _ in range(SPLITS):
        order = rng.permutation(seeds)
        for choose, measure in ((order[: seeds // 2], order[seeds // 2 :]),
                                (order[seeds // 2 :], order[: seeds // 2])):  # fmt: skip
            best = np.argsort(-_mean(x[:, :, choose]), kind="stable")[:top]
            seen = np.nan_to_num(x[:, :, measure].mean(-1))
            total += np.stack([seen[:, best].sum(1), seen.sum(1)], axis=1)
    share = cluster.estimate(total, _ratio, rng, level=level)
    return Concentration(share, top, kinds)


def sentence(
    answer: Concentration | None, what: str = "components", whose: str = "winner",
    nothing: str = NOTHING, how: str = "Taken out one by one",
) -> str:  # fmt: skip
    """The question of few components, answered in words: whether few kinds of `what` bring most."""
    if answer is None:
        return nothing
    s = answer.share
    if not np.isfinite(s.value):
        return f"{how}, {what} bring no gain in all that could be shared out."
    if not np.isfinite(s.low):
        spread = f"from {s.clusters} {whose}{'s' * (s.clusters != 1)}, too few for an interval"
    else:
        spread = f"{100 * s.low:.0f} to {100 * s.high:.0f} %"
    return (
        f"The best {answer.top} of {answer.kinds} kinds of {what} bring {100 * s.value:.0f} % of "
        f"the gain ({spread}): {answer.answer}."
        + (" Others take some back." if s.value > 1 else "")
    )


def _mean(x: Array) -> Array:
    """Of each kind over the winners that have it."""
    known = np.isfinite(x)
    return np.where(known, x, 0).sum((0, 2)) / np.maximum(known.sum((0, 2)), 1)


def _ratio(totals: Array) -> Array:
    return totals[..., 0] / np.where(totals[..., 1] > 0, totals[..., 1], np.nan)
