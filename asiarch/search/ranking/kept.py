"""What was found by `attribute` and `noise-floor`, in the store beside what it was found from.

Kept as events: the runs behind them have keys of the code that made them, and what was found stays
found when that code moves on. The latest of a winner, or of a protocol, is the one that counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from asiarch.search.analyst.attribution import Removed, Transfer
from asiarch.search.analyst.plan import Findings
from asiarch.search.engineer import Design
from asiarch.search.job import digest
from asiarch.search.protocol import Protocol
from asiarch.search.ranking.attribute import Attributed
from asiarch.search.ranking.noise import Simulated
from asiarch.search.stats.simulate import Rate
from asiarch.search.store import Event, Store

ATTRIBUTED, SIMULATED = "attributed", "simulated"
FORM = 1
"""Of what is written; another one is not read."""


def keep(store: Store, run: str, found: Attributed, protocol: Protocol) -> None:
    """Once, unless it is not what was found before."""
    tier = protocol.tiers[0]
    data = {
        "form": FORM, "protocol": protocol.name, "tasks": list(tier.tasks), "seeds": tier.seeds[-1],
        "steps": tier.steps,
        "winner": {"id": found.winner.id, "name": found.winner.name, "text": found.winner.text,
                   "op": found.winner.op, "sizes": [list(s) for s in found.winner.sizes]},
        "removed": [_written(asdict(r)) for r in found.findings.removed],
        "moved": [_written(asdict(t)) for t in found.findings.transferred],
        "failed": list(found.findings.failed), "by_task": _plain(found.by_task),
        "kinds": {k: [float(x) for x in row] for k, row in found.kinds.items()},
        "reasons": dict(found.reasons),
        "refused": [[c, host, why] for (c, host), why in found.refused.items()],
        "motifs": {c: list(names) for c, names in found.motifs.items()},
        "titles": dict(found.titles),
    }  # fmt: skip
    _add(store, run, ATTRIBUTED, found.winner.id, data)


@dataclass(frozen=True, slots=True)
class Kept:
    """An attribution with what it was measured by; `steps`: 0 for what the tasks say."""

    found: Attributed
    protocol: str
    tasks: tuple[str, ...]
    seeds: int
    steps: int = 0


def attributions(store: Store) -> list[Kept]:
    """Of every winner the latest, in the order in which they were attributed first."""
    return [_read(data) for data in _latest(store, ATTRIBUTED).values()]


def _read(data: Mapping[str, Any]) -> Kept:
    w = data["winner"]
    sizes = tuple((str(k), int(v)) for k, v in w["sizes"])
    found = Attributed(
        Design(w["id"], w["name"], w["text"], w["op"], sizes),
        Findings(
            tuple(Removed(**_given(r)) for r in data["removed"]),
            tuple(Transfer(**_given(t)) for t in data["moved"]),
            tuple(data["failed"]),
        ),
        {c: _given(losses) for c, losses in data["by_task"].items()},
        {k: np.array(row, dtype=float) for k, row in data["kinds"].items()},
        data["reasons"],
        {(c, host): why for c, host, why in data["refused"]},
        {c: tuple(names) for c, names in data["motifs"].items()},
        data["titles"],
    )
    return Kept(found, data["protocol"], tuple(data["tasks"]), data["seeds"], data["steps"])


@dataclass(frozen=True, slots=True)
class Error:
    """How often the protocol claims what is not there: runs of copies, whoever comes first
    confirmed (`worst`) or after races (`screened`). `whole`: on all tasks that it claims on.
    """

    worst: Rate
    screened: Rate
    operator: str
    tasks: tuple[str, ...]
    whole: bool


def keep_simulated(
    store: Store, run: str, chosen: Protocol, measured: Protocol, operator: str, found: Simulated
) -> None:
    """`chosen`: the protocol that was asked about; `measured`: on the tasks that have runs."""
    data = {
        "form": FORM, "operator": operator, "tasks": list(measured.claim_tasks),
        "whole": measured == chosen,
        "worst": [found.worst.family.hits, found.worst.family.trials],
        "screened": [found.screened.family.hits, found.screened.family.trials],
    }  # fmt: skip
    _add(store, run, SIMULATED, digest(chosen.to_json()), data)


def simulated_error(store: Store, protocol_hash: str) -> Error | None:
    """Of a protocol by the hash that its runs have, the latest."""
    data = _latest(store, SIMULATED).get(protocol_hash)
    if data is None:
        return None
    worst, screened = (Rate(*map(int, data[name])) for name in ("worst", "screened"))
    return Error(worst, screened, data["operator"], tuple(data["tasks"]), bool(data["whole"]))


def _add(store: Store, run: str, kind: str, subject: str, data: Any) -> None:
    if _latest(store, kind).get(subject) != data:
        store.events.add(kind, subject, data, run=run)


def _latest(store: Store, kind: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for event in _of(store.events.all(), kind):
        found[event.subject] = cast("Mapping[str, Any]", event.data)
    return found


def _of(events: Iterable[Event], kind: str) -> Iterable[Event]:
    for e in events:
        if e.kind == kind and isinstance(e.data, dict) and e.data.get("form") == FORM:
            yield e


def _plain(by_task: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {c: _written(losses) for c, losses in by_task.items()}


def _written(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: an end that is not known is null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


ENDS: Mapping[str, float] = {"low": -math.inf, "high": math.inf}


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: ENDS.get(k, math.nan) if v is None else v for k, v in row.items()}
