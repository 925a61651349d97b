"""What a report shows, as plain data: made from a store by `collect`, or by hand in a notebook.

An effect is a paired difference to the baseline of the same batch, in the unit that `Asked` names,
and is positive where the candidate is better. A number that was not measured is `nan`, a text that
is not known is empty. Nothing here computes; nothing here knows a store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from asiarch.search.stats.estimate import UNKNOWN, Estimate

PANEL, NULL = "panel", "null"
SELECTION, CONFIRMATION = "selection", "confirmation"
CLASSES = ("cognition", "experience", "original")
TIERS = ("T0a", "T0b", "T1", "T2", "T3", "C")


def _texts() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, of which machine, by which code.

    `claims`: whether the protocol allows any. `budget`, `spent`, `machine`, `versions`: name to
    text, shown as they are. Dates are texts, so that one store gives one page.
    """

    title: str = "search"
    protocol: str = ""
    protocol_hash: str = ""
    claims: bool = False
    metric: str = "area under the training loss"
    unit: str = "nats"  # of effects over all tasks
    task_unit: str = "nats"  # of the effects of one task
    time_unit: str = "microseconds per token"
    level: float = 0.95
    tasks: tuple[str, ...] = ()
    claim_tasks: tuple[str, ...] = ()  # what is claimed is the mean over these
    cost_task: str = ""  # FLOPs, state and parameters are those of the network of this task
    baseline: str = ""
    chosen: str = ""  # how the baseline was
    rules: Mapping[str, str] = field(default_factory=_texts)  # of the protocol, for all alike
    seed: str = ""
    command: str = ""
    started: str = ""
    ended: str = ""
    code: str = ""
    budget: Mapping[str, str] = field(default_factory=_texts)
    spent: Mapping[str, str] = field(default_factory=_texts)
    machine: Mapping[str, str] = field(default_factory=_texts)
    versions: Mapping[str, str] = field(default_factory=_texts)
    warning: str = ""
    ceiling: tuple[str, ...] = ()  # known operators that do what no candidate may, best first


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a parent; `source` is one of `CLASSES`, `cites` the ids that it used."""

    operator: str
    where: str = ""
    what: str = ""
    source: str = ""
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """One task's effect on one kind of seeds. `shrunk` is the posterior mean."""

    task: str
    stage: str
    seeds: int
    estimate: Estimate
    shrunk: float = math.nan
    baseline: str = ""
    learning_rate: float = math.nan
    edge: bool = False  # the best learning rate is the grid's first or last
    solved: Estimate = UNKNOWN  # P(solved)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean training losses at equal distances over `steps` steps."""

    task: str
    seed: str
    losses: tuple[float, ...]
    steps: int = 0
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """What a candidate is near to: its distance in IR space, and what is said of it."""

    name: str
    distance: float = math.nan
    label: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program with all that is known of it. `id` is the hash of its canonical IR.

    reached: the last tier that it entered. reason: why it was turned away there, empty if it was
    not; message: in words. overall: the effect that it is ranked by, pooled over tasks, on
    selection seeds; confirmed: the same on confirmation seeds, with an interval that holds for all
    that were confirmed at once; p: Holm's, one-sided, of that. judged: a verdict was given of it,
    though it may have failed there; claim: it passed confirmation.
    flops: per token; state: in floats; time: in the unit that `Asked` names.
    """

    id: str
    name: str
    text: str = ""
    op: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    arm: str = ""
    order: int = 0
    parents: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    reached: str = ""
    reason: str = ""
    message: str = ""
    niche: Mapping[str, str] = field(default_factory=_texts)
    near: tuple[Near, ...] = ()
    ledger: tuple[tuple[str, str, str], ...] = ()  # claim, verdict, by
    facts: Mapping[str, str] = field(default_factory=_texts)
    overall: Estimate = UNKNOWN
    shrunk: float = math.nan
    confirmed: Estimate = UNKNOWN
    p: float = math.nan
    judged: bool = False
    claim: bool = False
    seeds: int = 0
    effects: tuple[Effect, ...] = ()
    parameters: float = math.nan
    flops: float = math.nan
    state: float = math.nan
    time: float = math.nan
    curves: tuple[Curve, ...] = ()
    code: str = ""
    graph: str = ""  # an SVG of asiarch.draw
    audit: tuple[str, ...] = ()  # what was tried on a surprisingly good one, with what came out
    note: str = ""

    @property
    def panel(self) -> bool:
        return self.arm == PANEL

    @property
    def on_fresh_seeds(self) -> bool:
        """Was it measured again on fresh seeds, with an effect or not?"""
        return self.judged or self.confirmed.known


@dataclass(frozen=True, slots=True)
class Power:
    """What the protocol could see. `detectable`: the effect found with probability `power`, in the
    unit of effects over tasks; `sigma`: the sd of a paired difference over tasks, in that unit.

    error: the measured family-wise error of the whole protocol, under A against A; `simulated`:
    of what; error_note: what to do where it is not known.
    """

    alpha: float = math.nan
    seeds: int = 0
    sigma: float = math.nan
    rho: float = math.nan  # correlation of the pairs
    power: float = 0.8
    detectable: float = math.nan
    error: Estimate = UNKNOWN
    simulations: int = 0
    simulated: str = ""
    error_note: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """A model of N(compute), with its values on the grid of the arm."""

    name: str
    text: str
    count: tuple[float, ...] = ()
    aic: float = math.nan


@dataclass(frozen=True, slots=True)
class Discoveries:
    """N(compute) of one arm: the mean over `runs` with a band, on a grid of all compute spent."""

    arm: str
    compute: tuple[float, ...]
    count: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    runs: int = 1
    fits: tuple[Fit, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """What a component of a winner brings: taken out and retrained (causal), put into `hosts` other
    operators (grafted), and by association. `lineages`: independent ones behind it.
    """

    name: str
    causal: Estimate = UNKNOWN
    model: Estimate = UNKNOWN
    lift: Estimate = UNKNOWN
    lineages: int = 0
    grafted: Estimate = UNKNOWN
    hosts: int = 0
    winner: str = ""


@dataclass(frozen=True, slots=True)
class Motif:
    """A motif among a search's candidates. lift: P(beats the baseline with it) over P(without it);
    adjusted: its p, over all motifs asked; importance: a forest's, a share of the variance; term: a
    mixed model's, in the unit of effects. lineages: with it or without it, whichever are fewer.
    """

    name: str
    designs: int
    lineages: int
    lift: Estimate = UNKNOWN
    adjusted: float = math.nan
    importance: Estimate = UNKNOWN
    term: Estimate = UNKNOWN


@dataclass(frozen=True, slots=True)
class Associations:
    """asked: how many motifs; score: a forest's R^2 on lineages that it has not seen; notes: what
    could not be asked, and why.
    """

    rows: tuple[Motif, ...] = ()
    asked: int = 0
    candidates: int = 0
    lineages: int = 0
    score: float = math.nan
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """Edits of one group by provenance: counts in the order of `CLASSES`; `others` fit none (an
    edit that cites both is half of each in `classes`, the shares with intervals over lineages).
    """

    group: str
    counts: tuple[int, int, int]
    others: int = 0
    classes: tuple[Estimate, ...] = ()
    lineages: int = 0


@dataclass(frozen=True, slots=True)
class TierPair:
    """How one tier's ranking of the panel agrees with a later one's (Spearman).

    p: the chance of as much agreement by chance, if it was computed.
    """

    first: str
    second: str
    rho: Estimate
    count: int = 0
    p: float = math.nan


@dataclass(frozen=True, slots=True)
class RateCurve:
    """One operator's score over the grid of learning rates: lower is better."""

    name: str
    losses: tuple[float, ...]
    panel: bool = False


@dataclass(frozen=True, slots=True)
class EditEffect:
    """Paired effects of child against parent, pooled by operator and by what it touched."""

    operator: str
    what: str
    count: int
    lineages: int
    effect: Estimate = UNKNOWN
    better: Estimate = UNKNOWN  # the share of children that beat their parent


@dataclass(frozen=True, slots=True)
class ReportData:
    """All of one report. Every part may be empty; the page then says that there is none."""

    asked: Asked = field(default_factory=Asked)
    candidates: tuple[Candidate, ...] = ()
    power: Power | None = None
    discoveries: tuple[Discoveries, ...] = ()
    compute_unit: str = "FLOPs"
    components: tuple[Component, ...] = ()
    component_notes: tuple[str, ...] = ()  # what was retrained how, and what could not be
    pareto_question: str = ""  # do few components bring most of the gain: one sentence
    associations: Associations | None = None
    shares: tuple[Share, ...] = ()
    tiers: tuple[TierPair, ...] = ()
    rates: tuple[float, ...] = ()
    rate_curves: tuple[RateCurve, ...] = ()
    edit_effects: tuple[EditEffect, ...] = ()
