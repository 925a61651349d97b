"""Proposals of the grammar from the panel: how many differ, what they are, what they cost.

    python benchmarks/proposals.py [--proposals 1000] [--seed 0] [--json FILE]

Rounds as in a search whose every effect is unknown: each child that differs enters the archive.
Rows: niches, the share of structural edits, the share of distinct identities, time, refusals.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from asiarch.analysis.flow import reached, unused_parameters
from asiarch.analysis.report import check
from asiarch.search.archive import Archive, Bandit, Draw, Elite, fill, niche, snapshot
from asiarch.search.library import panel
from asiarch.search.researcher import Proposal, Proposers, Source, Workshop

ROUND = 50


@dataclass(slots=True)
class Measured:
    """Counts over proposals; `structural` and `seconds` are totals."""

    proposals: int = 0
    edits: int = 0
    structural: int = 0
    distinct: int = 0
    accepted: int = 0
    checked: int = 0
    dead: int = 0
    none: int = 0
    tries: int = 0
    seconds: float = 0.0
    niches: Counter[str] = field(default_factory=Counter[str])
    operators: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    longest: int = 0


def measure(
    proposals: int, seed: int, arms: Sequence[str] = ("grammar",), checked: bool = False
) -> tuple[Measured, list[Proposal]]:
    """Rounds until there are that many proposals. `checked`: run `check` on each."""
    shop = Workshop()
    sources = [Source(e.name, e.text, e.op) for e in panel() if shop.accepts(e.text, e.op)]
    shop.refused.clear()
    archive, seen = Archive(), dict[str, str]()
    for source in sources:
        _enter(archive, shop, source)
        seen[shop.digest(source.text, source.op, ())] = source.id
    known = Proposers(shop).all()
    chosen = {name: known[name] for name in arms}
    out, made = Measured(), list[Proposal]()
    number = 0
    while len(made) < proposals:
        view = snapshot(archive, sources, seen)
        size = min(ROUND, proposals - len(made))
        start = time.process_time()
        filled = fill(Draw(seed, "benchmark", number, view, Bandit.over(chosen), chosen), size)
        out.seconds += time.process_time() - start
        for slot in filled.filled:
            if slot.proposal is None:
                out.none += 1
                continue
            child = slot.proposal
            made.append(child)
            _count(out, child, seen)
            if checked:
                report = check(child.text)
                out.checked += 1
                out.accepted += report.ok and report.ops[child.op].causal
                out.dead += _dead(shop, child)
            if child.digest not in seen:
                seen[child.digest] = f"c{len(seen)}"
                found = _enter(archive, shop, Source(seen[child.digest], child.text, child.op))
                out.niches[found] += 1
        number += 1
    out.refused = shop.refused
    return out, made


def _dead(shop: Workshop, child: Proposal) -> bool:
    """Has it states or parameters that reach no result?"""
    function = shop.checker.check(child.text).functions[child.op]
    live = reached(function)
    return bool(unused_parameters(function)) or any(s.leaf not in live for s in function.states)


def _enter(archive: Archive, shop: Workshop, source: Source) -> str:
    facts = shop.checker.check(source.text).facts[source.op]
    mine = niche(facts)
    archive.add(Elite(source.id, source.text, source.op, mine, cost=float(len(source.text))))
    return str(mine)


def _count(out: Measured, child: Proposal, seen: dict[str, str]) -> None:
    out.proposals += 1
    out.edits += len(child.edits)
    out.structural += sum(e.structural for e in child.edits)
    out.distinct += child.digest not in seen
    out.tries += child.tries
    out.longest = max(out.longest, len(child.text))
    out.operators.update(e.operator for e in child.edits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--proposals", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="run `asiarch check` on each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found, _ = measure(options.proposals, options.seed, checked=options.check)
    count = found.proposals
    print(f"proposals            {count}, {found.edits} edits, {found.none} slots without one")
    print(f"mechanism niches     {len(found.niches)}")
    print(f"structural edits     {found.structural / found.edits:.1%}")
    print(f"distinct identities  {found.distinct / count:.1%}")
    if options.check:
        print(f"accepted by check    {found.accepted} of {found.checked}")
        print(f"dead parts           {found.dead} of {found.checked}")
    draws = found.tries / count
    print(f"time                 {found.seconds / count * 1e3:.1f} ms each, {draws:.2f} draws")
    print(f"longest text         {found.longest} characters")
    for title, counts in (("operators", found.operators), ("draws refused", found.refused),
                          ("niches", found.niches)):  # fmt: skip
        print(f"{title}:")
        for name, number in counts.most_common(30):
            print(f"  {number:5d}  {name}")
    if options.json:
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main()
