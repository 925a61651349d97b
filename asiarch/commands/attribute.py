"""Say what the components of an operator bring, by taking each out and retraining.

Every component with a neutral element is taken out (a gate becomes 1, a convolution the identity),
and put into other operators; each is matched in parameters and trained on the same seeds, its
learning rate chosen by the common rule. Causal findings come first, then what a model and a count
say of the store's candidates. WINNER is a program, FILE:OP, a name of the library, or the id of a
candidate in the store (or its beginning); the store is that of `asiarch search` unless given.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.files import write
from asiarch.commands.support.measuring import (
    add_measuring,
    add_tasks,
    as_json,
    check_given,
    each_once,
    laboratory,
    names,
    operators,
    print_table,
    tasks_of,
    tell,
)
from asiarch.commands.support.numbers import whole

if TYPE_CHECKING:
    from asiarch.search.analyst.attribution import Evidence
    from asiarch.search.engineer import Design
    from asiarch.search.ranking.attribute import Attributed, Planned
    from asiarch.search.ranking.entrants import Entrants
    from asiarch.search.store import Store

SUMMARY = "what the components of an operator bring, by deletion and grafting"
HOSTS = "linc_mixer,retention_mixer,scalar_mixer,gla_mixer,lin_mixer,delta_mixer"
FEWEST_SEEDS = 3
SEARCHED = "runs/search.db"
ID = re.compile(r"[0-9a-f]{6,64}")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("winners", nargs="+", metavar="WINNER")
    add_tasks(parser)
    parser.add_argument(
        "--hosts", default=HOSTS, metavar="NAMES", help="of the panel, that components are put into"
    )
    parser.add_argument(
        "--grafts",
        type=whole(0),
        default=3,
        metavar="N",
        help="hosts for each component (3); 0 for deletions alone",
    )
    parser.add_argument(
        "--run",
        dest="name",
        metavar="NAME",
        help="the search whose candidates a model is asked about",
    )
    parser.add_argument("--svg", metavar="FILE.svg", help="the figure")
    add_measuring(parser)
    parser.set_defaults(store=SEARCHED)


def run(arguments: argparse.Namespace) -> int:
    from asiarch.search.protocol import PRESETS
    from asiarch.search.ranking.attribute import planned
    from asiarch.search.ranking.entrants import Entrants
    from asiarch.search.ranking.measure import ranked

    entrants = Entrants()
    winners = _winners(arguments, entrants)
    chosen = PRESETS[arguments.protocol]
    seeds = arguments.seeds or max(FEWEST_SEEDS, chosen.tiers[0].seeds[-1])
    if seeds < FEWEST_SEEDS:
        raise CommandError(f"--seeds is {FEWEST_SEEDS} at least: an effect has an interval")
    tasks = tasks_of(names(arguments.tasks)) or chosen.tiers[0].tasks
    protocol = ranked(chosen, tasks=tasks, seeds=seeds, steps=arguments.steps)
    hosts = {
        d.name: d
        for d in operators(entrants, [f"panel.{n}" for n in names(arguments.hosts)])
        if arguments.grafts
    }
    try:
        plans = [planned(entrants, w, hosts, arguments.grafts) for w in winners]
    except ValueError as error:
        raise CommandError(str(error), PROGRAM) from None
    found, people = _attributed(arguments, protocol, entrants, plans, seeds)
    _show(arguments, found, people)
    tell(f"kept in {arguments.store}: `asiarch report {arguments.store}` shows it")
    return 0


def _winners(arguments: argparse.Namespace, entrants: Entrants) -> list[Design]:
    out: list[Design] = []
    sized: list[Design] = []
    for name in arguments.winners:
        if ID.fullmatch(name) and not Path(name).exists():
            out.append(_of_store(arguments.store, name, entrants))
        else:
            sized += operators(entrants, [name], arguments.sizes)
    check_given(sized, arguments.sizes)
    return each_once([*out, *sized])


def _of_store(path: str, prefix: str, entrants: Entrants) -> Design:
    from asiarch.search.store import Store, StoreError

    try:
        with Store(path, create=False) as store:
            ids = [i for i in store.knowledge.candidates() if i.startswith(prefix)]
            if len(ids) != 1:
                said = "no candidate" if not ids else f"{len(ids)} candidates"
                raise CommandError(f"{path} has {said} whose id begins with {prefix}")
            found = store.knowledge.candidate(ids[0])
    except StoreError as error:
        raise CommandError(str(error)) from None
    return entrants.design(found.text, found.op, found.op, found.sizes)


def _attributed(
    arguments: argparse.Namespace, protocol: Any, entrants: Entrants, plans: list[Planned],
    seeds: int,
) -> tuple[list[Attributed], list[Evidence]]:  # fmt: skip
    from asiarch.search.ranking import cost
    from asiarch.search.ranking.attribute import attribute
    from asiarch.search.ranking.kept import keep
    from asiarch.search.ranking.session import ATTRIBUTE, introduce, run_name

    tasks = protocol.tiers[0].tasks
    with laboratory(arguments, run_name(ATTRIBUTE, protocol, arguments.seed), protocol) as (
        engineer,
        _,
        lab,
    ):
        if arguments.name is not None and arguments.name not in (known := lab.store.runs.all()):
            raise CommandError(
                f"the store {arguments.store} has no run {arguments.name!r}; it has"
                f" {', '.join(known)}"
            )
        count = sum(len(p.designs) for p in plans)
        tell(cost.said(protocol, count, arguments.workers, engineer.costs))
        found: list[Attributed] = []
        for made in plans:
            introduce(lab.store, lab.name, entrants, list(made.designs.values()), [])
            engineer.calibrate(made.winner, tasks)
            tell(f"{made.winner.name}: {len(made.designs)} programs")
            found.append(attribute(engineer, made, seeds))
            keep(lab.store, lab.name, found[-1], protocol)
        return found, _associated(lab.store, arguments.name, found)


def _associated(store: Store, name: str | None, found: list[Attributed]) -> list[Evidence]:
    """What the candidates of a search say, where one is named."""
    if name is None:
        return []
    from asiarch.search.report.collect import collect, of_candidates

    try:
        people = of_candidates(collect(store, name).candidates)
    except KeyError as error:
        raise CommandError(str(error.args[0])) from None
    for note in people.notes:
        tell(note)
    return [row for a in found for row in a.associated(people, _whose(a, found))]


def _whose(a: Attributed, found: list[Attributed]) -> str:
    """The winner's name, where there are several."""
    return a.winner.name if len(found) > 1 else ""


def _show(arguments: argparse.Namespace, found: list[Attributed], people: list[Evidence]) -> None:
    from asiarch.search.analyst.pareto import sentence
    from asiarch.search.ranking import attribution_table as table
    from asiarch.search.ranking.attribute import concentrated

    answer = sentence(concentrated(found))
    rows = [row for a in found for row in a.evidence(_whose(a, found))] + people
    if arguments.svg:
        from asiarch.search.report.collect import components
        from asiarch.search.report.data import Asked
        from asiarch.search.report.figures import attribution

        write(arguments.svg, attribution(components(rows), Asked(unit="sd")).svg())
    if as_json(arguments, table.as_json(found, rows, answer)):
        return
    for a in found:
        print_table(f"{a.winner.name}: lost without it, in sds", table.removed(a))
        if len(moved := table.moved(a)) > 1:
            print_table(f"{a.winner.name}: gained by others with it, in sds", moved)
        for line in table.failures(a):
            print(f"  {line}")
    print_table("all evidence, causal before model before lift", table.evidence(rows))
    print(f"\n{answer}")
