"""The best of a search as `.asi` files: the program, under a note of its ledger and its effects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asiarch.analysis.report import check
from asiarch.search.loop.history import History, Member, Posterior
from asiarch.search.loop.result import Found
from asiarch.search.loop.search import name_of

COUNT = 5


def save_specs(found: Found, folder: Path, count: int = COUNT) -> list[Path]:
    """Writes the best candidates, best first; returns the files."""
    history = found.history
    if history is None:
        return []
    best = history.best(count)
    claimed = {v.design.id for v in found.verdicts if v.confirmed}
    # Whatever is claimed is kept, wherever it stands.
    known = history.posteriors()
    best += [
        (m, known[m.design.id])
        for m in history.found()
        if m.design.id in claimed and m not in [b for b, _ in best]
    ]
    if best:
        folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for place, (member, posterior) in enumerate(best, 1):
        path = folder / f"{place}-{member.design.id[:8]}.asi"
        path.write_text(spec(found, history, member, posterior), encoding="utf-8")
        paths.append(path)
    return paths


def spec(found: Found, history: History, member: Member, posterior: Posterior) -> str:
    """A candidate's text with its note."""
    lines = [*_effects(found, history, member, posterior), *_ledger(member)]
    note = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return f"{note}\n{member.design.text.strip()}\n"


def _effects(found: Found, history: History, member: Member, posterior: Posterior) -> Iterator[str]:
    settings = found.settings
    protocol = settings.protocol
    bar = history.members[history.bar].design.name
    yield f"{name_of(member)} of `asiarch search`: run {settings.run}, arm {settings.arm.name}."
    yield f"Protocol {protocol.name} {protocol.hash[:12]}, master seed {settings.master}."
    yield (
        f"Effect {posterior.mean:+.2f} [{posterior.low:+.2f}, {posterior.high:+.2f}] (shrunk, 95 %)"
        f" over {member.n} paired seeds"
    )
    yield f"against {bar} in {protocol.metric}, in sds of a task's paired difference; + is better."
    verdict = next((v for v in found.verdicts if v.design.id == member.design.id), None)
    if verdict is None:
        yield "Screened, not confirmed: the best of many flatters itself."
    else:
        stands = "CONFIRMED" if verdict.confirmed else "Not confirmed"
        yield (
            f"{stands} on {protocol.confirm_seeds} fresh seeds:"
            f" {verdict.effect:+.2f} [{verdict.low:+.2f}, {verdict.high:+.2f}],"
            f" one-sided Holm p {verdict.p:.2g}."
        )
    if member.design.sizes:
        yield "Measured at " + ", ".join(f"{n} = {v}" for n, v in member.design.sizes) + "."
    parents = (history.members.get(p) for p in member.parents)
    names = [m.design.name for m in parents if m is not None]
    if names:
        yield f"Parents: {', '.join(names)}."


def _ledger(member: Member) -> Iterator[str]:
    report = check(member.design.text).ops.get(member.design.op)
    if report is None:
        return
    facts = report.facts
    yield "Ledger: " + ", ".join(f"{e.claim} {e.verdict}" for e in facts.entries) + "."
    cost = facts.cost
    yield f"Work {cost.work}; decode state {cost.state}; parameters {cost.params}."
    yield (
        f"In its network: {member.flops_per_token:,.0f} FLOPs per token, "
        f"{member.state_floats:,.0f} floats of state."
    )
