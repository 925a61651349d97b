"""The report of a run with all that its store knows: what was retrained for attribution, and what
the protocol does to noise, beside the search's own measurements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from asiarch.search.analyst.pareto import sentence
from asiarch.search.analyst.population import Population
from asiarch.search.job import digest
from asiarch.search.protocol import PRESETS
from asiarch.search.ranking.attribute import concentrated
from asiarch.search.ranking.kept import Error, Kept, attributions, simulated_error
from asiarch.search.report import data as d
from asiarch.search.report.collect import associations, collect, components, of_candidates
from asiarch.search.stats.solved import jeffreys
from asiarch.search.store import Store

UNASKED = "No component was taken out and retrained: `asiarch attribute ID` does it."


def reported(store: Store, run: str, *, title: str = "", command: str = "") -> d.ReportData:
    """All of a run's report. Raises KeyError for a run that the store does not have."""
    data = collect(store, run, title=title, command=command)
    people = of_candidates(data.candidates)
    data = replace(data, associations=associations(people))
    named = {c.id: c.name for c in data.candidates}
    everything = attributions(store)
    own = [k for k in everything if k.found.winner.id in named]
    data = _attributed(data, own, people, named)
    others = [k.found.winner.name for k in everything if k.found.winner.id not in named]
    if others:
        said = f"Attributed in this store, and no candidate of this run: {', '.join(others)}."
        data = replace(data, component_notes=(*data.component_notes, said))
    data = _simulated(data, simulated_error(store, data.asked.protocol_hash), store)
    return replace(data, candidates=(*data.candidates, *_null(store, run)))


def _null(store: Store, run: str) -> Iterator[d.Candidate]:
    """Candidates of null arms of the same protocol and seed: the same bar, the same runs of it."""
    own = store.runs.find(run)
    for name in store.runs.all():
        other = store.runs.find(name)
        if own is None or other is None or own.arm == d.NULL or other.arm != d.NULL:
            continue
        if (other.protocol_hash, other.master) == (own.protocol_hash, own.master):
            yield from (c for c in collect(store, name).candidates if c.arm == d.NULL)


def _attributed(
    data: d.ReportData, own: Sequence[Kept], people: Population, named: Mapping[str, str]
) -> d.ReportData:
    """Causal rows, and under the same components what a model and a count say of them."""
    if not own:
        return replace(data, component_notes=(UNASKED,))
    several = len(own) > 1
    rows = [
        row
        for k in own
        for whose in (named[k.found.winner.id] if several else "",)
        for row in (*k.found.evidence(whose), *k.found.associated(people, whose))
    ]
    causal = sentence(concentrated([k.found for k in own]))
    return replace(
        data,
        components=components(rows),
        component_notes=tuple(_notes(own, named)),
        pareto_question=f"{causal} {data.pareto_question}".strip(),
    )


def _notes(own: Sequence[Kept], named: Mapping[str, str]) -> Iterator[str]:
    for k in own:
        name = named[k.found.winner.id]
        yield (
            f"{name} was retrained without each component on {k.seeds} seeds of "
            f"{', '.join(k.tasks)}{f', for {k.steps} steps' if k.steps else ''}."
        )
        for label, why in k.found.reasons.items():
            yield f"{name}: {label} did not train ({why}), so there is no number for it."


def _simulated(data: d.ReportData, error: Error | None, store: Store) -> d.ReportData:
    power = data.power
    if power is None:
        return data
    if error is None:
        return replace(data, power=replace(power, error_note=_how(data.asked, store)))
    hits, trials = error.worst.hits, error.worst.trials
    low, high = (float(x) for x in jeffreys(hits, trials, data.asked.level))
    races = f"; {error.screened.hits / error.screened.trials:.1%} where candidates race for it"
    of = f"copies of {error.operator} on {', '.join(error.tasks)}, whoever comes first is confirmed"
    part = "" if error.whole else "; the protocol's other tasks have no runs"
    return replace(
        data,
        power=replace(
            power, error=d.Estimate(hits / trials, low, high), simulations=trials,
            simulated=of + races.replace("%", " %") + part,
        ),
    )  # fmt: skip


def _how(asked: d.Asked, store: Store) -> str:
    """What to do where the error is not known."""
    preset = PRESETS.get(asked.protocol)
    known = preset is not None and digest(preset.to_json()) == asked.protocol_hash
    call = f"asiarch noise-floor --protocol {asked.protocol} --store {store.path.name}"
    return (
        "How often this protocol claims what is not there was not simulated on the noise of this "
        f"store's runs{f': `{call}` does it' if known else ''}."
    )
