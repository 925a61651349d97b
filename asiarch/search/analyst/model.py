"""What a model says of motifs: association, held to lineages that it has not seen.

Features are whether a design has a motif (or any other fact of it). A forest's permutation
importance sees interactions and no direction; a mixed model sees direction and no interactions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asiarch.search.stats import cluster
from asiarch.search.stats.special import Array, library, t_quantile


@dataclass(frozen=True, slots=True)
class Importance:
    """`value`: how much of the variance of effects the model loses on unseen lineages when the
    feature is shuffled; `spread`: sd over folds.
    """

    feature: str
    value: float
    spread: float


@dataclass(frozen=True, slots=True)
class Forest:
    """`score`: R^2 on unseen lineages. Where it is not above 0 the model knows nothing, and
    importances of it mean nothing: `usable` says so.
    """

    score: float
    importances: tuple[Importance, ...]
    lineages: int

    @property
    def usable(self) -> bool:
        return self.score > 0


def importances(
    features: ArrayLike,
    effects: ArrayLike,
    lineages: Sequence[object],
    names: Sequence[str],
    seed: int,
    *,
    folds: int = 5,
) -> Forest:
    """Of features [n, k] for effects [n], largest first. Raises ValueError for fewer lineages than
    folds.
    """
    x, y = np.asarray(features, dtype=float), np.asarray(effects, dtype=float)
    groups = cluster.numbers(lineages)
    count = int(groups.max(initial=-1)) + 1
    if count < folds:
        raise ValueError(f"{folds} folds of unseen lineages need as many lineages, not {count}")
    ensemble: Any = library("sklearn.ensemble")
    selection: Any = library("sklearn.model_selection")
    inspection: Any = library("sklearn.inspection")
    total, left = float(((y - y.mean()) ** 2).sum()), 0.0
    each: list[Any] = []
    for train, test in selection.GroupKFold(folds).split(x, y, groups):
        model = ensemble.RandomForestRegressor(
            n_estimators=60, min_samples_leaf=3, random_state=seed, n_jobs=1
        ).fit(x[train], y[train])
        left += float(((y[test] - model.predict(x[test])) ** 2).sum())
        found = inspection.permutation_importance(
            model, x[test], y[test], scoring="neg_mean_squared_error", n_repeats=5,
            random_state=seed, n_jobs=1,
        )  # fmt: skip
        each.append(found.importances_mean / max(total / len(y), 1e-300))
    value, spread = np.mean(each, axis=0), np.std(each, axis=0, ddof=1)
    order: list[int] = np.argsort(-value, kind="stable").tolist()
    ranked = tuple(Importance(names[i], float(value[i]), float(spread[i])) for i in order)
    return Forest(1 - left / max(total, 1e-300), ranked, count)


@dataclass(frozen=True, slots=True)
class Term:
    """The mean difference in effect of designs with the feature, other features equal."""

    feature: str
    value: float
    low: float
    high: float
    lineages: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """`between`: the share of the variance that lineages have; `note`: what to know of it, or
    nothing.
    """

    terms: tuple[Term, ...]
    between: float
    note: str


def mixed(
    features: ArrayLike,
    effects: ArrayLike,
    lineages: Sequence[object],
    names: Sequence[str],
    level: float = 0.95,
) -> Mixed:
    """effect ~ features + (1 | lineage), by restricted likelihood (statsmodels).

    Intervals take a Student quantile with lineages - features - 1 degrees of freedom: the normal's
    are too narrow for a dozen lineages. Raises ValueError where none are left, or where features
    cannot be told apart.
    """
    x, y = np.asarray(features, dtype=float), np.asarray(effects, dtype=float)
    groups = cluster.numbers(lineages)
    count = int(groups.max(initial=-1)) + 1
    df = count - x.shape[1] - 1
    if df < 1:
        raise ValueError(f"{x.shape[1]} features need {x.shape[1] + 2} lineages, not {count}")
    design = np.column_stack([np.ones(len(y)), x])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("a feature is a sum of others or the same everywhere: leave it out")
    fit, singular = _fitted(design, y, groups)
    value, error = np.asarray(fit.fe_params), np.asarray(fit.bse_fe)
    reach = float(t_quantile((1 + level) / 2, df)) * error
    random = float(np.asarray(fit.cov_re).ravel()[0])
    note = "lineages do not differ beyond chance" if singular else ""
    terms = tuple(
        Term(n, float(value[i]), float(value[i] - reach[i]), float(value[i] + reach[i]), count)
        for i, n in enumerate(names, 1)
    )
    return Mixed(terms, random / (random + float(fit.scale)), note)


def _fitted(design: Array, effects: Array, groups: NDArray[np.int64]) -> tuple[Any, bool]:
    """The fit, and whether the lineages' variance ended at 0. A search may step where the
    likelihood is singular, so the next method has its turn.
    """
    models: Any = library("statsmodels.regression.mixed_linear_model")
    for method in ("bfgs", "lbfgs", "powell", "nm"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                fit = models.MixedLM(effects, design, groups=groups).fit(reml=True, method=method)
            except np.linalg.LinAlgError:
                continue
        if fit.converged and np.isfinite(np.asarray(fit.bse_fe)).all():
            return fit, any("singular" in str(w.message).lower() for w in caught)
    raise ValueError("the mixed model fits by no method: there are too few designs for it")
