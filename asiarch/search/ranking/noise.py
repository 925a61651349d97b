"""A against A: copies of one operator under other names, so that a seed's data is what they share.

Copies go through the rule that candidates go through: their learning rates are chosen on selection
seeds and they are scored on others. What is left between them is the noise that effects stand in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from asiarch.search.engineer import Design, Engineer
from asiarch.search.job import digest
from asiarch.search.protocol import Protocol
from asiarch.search.ranking.effects import LEVEL
from asiarch.search.stats.estimate import Estimate
from asiarch.search.stats.paired import Noise, noise
from asiarch.search.stats.simulate import Rates, simulate
from asiarch.search.stats.special import Array, chi2_quantile

COPIES = 3
"""Two make a difference; a third lets simulated candidates share a baseline."""
FEWEST = 3
"""Seeds, for a correlation over them."""
TIER = "A/A"


@dataclass(frozen=True, slots=True)
class Floor:
    """Of one task. `pool`: results [seeds, copies]. `sigma`, `paired`: sds of one run and of one
    paired difference, with intervals (chi-squared, as if runs were normal: `noise.bimodal` says how
    far that may be trusted). `failed`: runs without a result.
    """

    task: str
    pool: Array
    noise: Noise
    sigma: Estimate
    paired: Estimate
    failed: int = 0


def copies(design: Design) -> list[Design]:
    """The operator, and the same under other names: other paths of its weights, other weights."""
    made = [design]
    for number in range(1, COPIES):
        op = f"{design.op}_{number}"
        id = digest({"copy": op, "of": design.id})
        made.append(design.renamed(op, id, f"{design.name} {number}"))
    return made


def floor(engineer: Engineer, design: Design, task: str, runs: int) -> Floor:
    """Trains `runs` runs, a third of them each copy's. Raises ValueError for too few seeds, or
    where too few are left without a failure.
    """
    seeds = runs // COPIES
    if seeds < FEWEST:
        raise ValueError(f"A/A needs {FEWEST * COPIES} runs at least ({COPIES} copies), not {runs}")
    made = copies(design)
    steps = engineer.protocol.tiers[0].steps
    scores = engineer.scores(made, [task], range(seeds), tier=TIER, steps=steps)
    values = np.stack([scores.values(d.id, task) for d in made])
    whole = values[:, ~np.isnan(values).any(0)]
    failed = int(np.isnan(values).sum())
    if whole.shape[1] < FEWEST:
        lost = next(s for d in made if (s := scores.failure(d.id, [task])) is not None)
        why = f"{lost.reason}: {lost.said}"
        raise ValueError(f"{design.name} on {task}: {failed} runs failed, {why}")
    return estimated(task, whole.T, failed)


def estimated(task: str, pool: Array, failed: int = 0) -> Floor:
    """What results [seeds, copies] say."""
    found = noise(pool.T)
    seeds, count = pool.shape
    # Copies of one seed go up and down together: their squares are worth less than their number.
    shared = max(found.rho.value, 0.0)
    free = count * (seeds - 1) / (1 + (count - 1) * shared**2)
    return Floor(
        task, pool, found, _spread(found.sigma, free),
        _spread(found.paired, (count - 1) * (seeds - 1)), failed,
    )  # fmt: skip


def _spread(value: float, free: float) -> Estimate:
    """An sd with its interval."""
    tail = (1 - LEVEL) / 2
    low, high = (float(chi2_quantile(p, free)) for p in (1 - tail, tail))
    return Estimate(value, value * np.sqrt(free / low), value * np.sqrt(free / high))


@dataclass(frozen=True, slots=True)
class Simulated:
    """The protocol over resampled A/A runs. `worst`: family-wise error where the first candidates
    fill the shortlist; `screened`: where they race for it; `power`: with one better candidate.
    """

    candidates: int
    worst: Rates
    screened: Rates
    power: Rates


def simulated(
    protocol: Protocol, pools: Mapping[str, Array], runs: int, candidates: int = 20, seed: int = 1
) -> Simulated:
    """Each of the three over `runs` runs. Raises ValueError for a protocol without claims."""
    if not protocol.claims:
        raise ValueError(f"protocol {protocol.name} claims nothing: there is no error to simulate")

    def rates(count: int, planted: int, screening: bool) -> Rates:
        return simulate(
            protocol, pools, np.random.default_rng(seed), runs=runs, candidates=count,
            planted=planted, screening=screening,
        )  # fmt: skip

    return Simulated(
        candidates, rates(protocol.shortlist, 0, False), rates(candidates, 0, True),
        rates(candidates, 1, True),
    )  # fmt: skip


def restricted(protocol: Protocol, tasks: Sequence[str]) -> Protocol:
    """The protocol on those of its tasks that are measured. Raises ValueError where none is."""
    tiers = [replace(t, tasks=tuple(x for x in t.tasks if x in tasks)) for t in protocol.tiers]
    kept = tuple(t for t in tiers if t.tasks)
    claims = tuple(t for t in protocol.claim_tasks if t in tasks)
    if not kept or (protocol.claims and not claims):
        raise ValueError(
            f"protocol {protocol.name} claims on {', '.join(protocol.claim_tasks)}; none of them is"
            f" among {', '.join(tasks)}"
        )
    if tiers == list(protocol.tiers) and claims == protocol.claim_tasks:
        return protocol
    return protocol.named(f"{protocol.name} on {', '.join(tasks)}", tiers=kept, claim_tasks=claims)
