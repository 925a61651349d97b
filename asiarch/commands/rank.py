"""Measure operators under one protocol and rank them with intervals.

Everybody gets the same host, budget of parameters, grid of learning rates, steps and seeds; effects
are paired differences to the best of --against. FILE is a program (FILE:OP for one of it), or a
name of the library, as in `delta_net.delta_net`, `panel` or `asi_arch`. Ctrl-C at any time: the
same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asiarch.commands.support.errors import CommandError
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

if TYPE_CHECKING:
    from asiarch.search.engineer import Design, Engineer
    from asiarch.search.protocol import Protocol
    from asiarch.search.ranking.entrants import Entrants
    from asiarch.search.ranking.rank import Ranking

SUMMARY = "measure operators on tasks and rank them with intervals"
HOSTS = ("conv", "always", "plain", "both")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="operators to measure")
    parser.add_argument(
        "--against",
        default="panel",
        metavar="NAMES",
        help="operators to compare with: the protocol's panel, or names",
    )
    parser.add_argument("--bar", metavar="NAME", help="the operator that effects are against; "
                        "the best of --against on selection seeds unless given")  # fmt: skip
    add_tasks(parser)
    parser.add_argument(
        "--host",
        choices=HOSTS,
        default="conv",
        help="conv (the default): a short convolution before every operator that has none; "
        "always: before every one; plain: none; both: the conv-free versions listed apart",
    )
    add_measuring(parser)


def run(arguments: argparse.Namespace) -> int:
    from asiarch.search.protocol import PRESETS
    from asiarch.search.ranking.entrants import Entrants, told_apart
    from asiarch.search.ranking.measure import ranked

    entrants = Entrants()
    chosen = PRESETS[arguments.protocol]
    against = chosen.panel if arguments.against == "panel" else names(arguments.against)
    panel = operators(entrants, against)
    if not panel:
        raise CommandError("there is nobody to compare with: --against NAMES")
    own = operators(entrants, arguments.files, arguments.sizes)
    check_given(own, arguments.sizes)
    designs = told_apart(each_once([*panel, *own]), panel, entrants.origins)
    tasks = tasks_of(names(arguments.tasks))
    hosts = ("conv", "plain") if arguments.host == "both" else (arguments.host,)
    made: list[Ranking] = []
    for host in hosts:
        try:
            protocol = ranked(
                chosen, tasks=tasks, seeds=arguments.seeds, steps=arguments.steps, host=host
            )
        except ValueError as error:
            raise CommandError(str(error)) from None
        made.append(_measured(arguments, protocol, entrants, designs, panel))
    if not as_json(arguments, [r.as_json() for r in made]):
        for found in made:
            _print(found)
    return 0


def _measured(
    arguments: argparse.Namespace, protocol: Protocol, entrants: Entrants,
    designs: list[Design], panel: list[Design],
) -> Ranking:  # fmt: skip
    from asiarch.search.ranking import cost
    from asiarch.search.ranking.measure import REFERENCE, measure
    from asiarch.search.ranking.rank import ranking
    from asiarch.search.ranking.session import RANK, introduce, run_name

    bar = _bar(arguments.bar, designs)
    with laboratory(arguments, run_name(RANK, protocol, arguments.seed), protocol) as (
        engineer,
        heard,
        lab,
    ):
        tell(cost.said(protocol, len(designs), arguments.workers, engineer.costs))
        (reference,) = operators(entrants, [REFERENCE])
        introduce(lab.store, lab.name, entrants, designs, panel, [reference])
        engineer.calibrate(reference, protocol.tiers[0].tasks)
        _check_own(engineer, [d for d in designs if d not in panel], protocol.tiers[0].tasks)
        found = measure(engineer, heard, designs, told=_told)
        plain = protocol.host == "plain"
        apart = [d.id for d in designs if plain and not entrants.convolves(d)]
        return ranking(
            found, designs, panel, bar=bar, parameters=engineer.setting.parameters, apart=apart
        )


def _check_own(engineer: Engineer, own: Sequence[Design], tasks: Sequence[str]) -> None:
    """Before anything is trained: is there one of the operators given that can be measured?"""
    said: dict[str, str] = {}
    for task in tasks:
        for design, check in zip(own, engineer.checks(own, task), strict=True):
            if check.status != "failed":
                return
            why = str(check.values.get("message", "")).partition("\n")[0]
            said[design.name] = f"{design.name}: {check.reason}, {why}"
    if own:
        raise CommandError("nothing that was given can be measured: " + "; ".join(said.values()))


def _bar(name: str | None, designs: list[Design]) -> Design | None:
    if name is None:
        return None
    for design in designs:
        if name in (design.name, design.name.removesuffix("_mixer")):
            return design
    raise CommandError(f"no operator `{name}` is ranked; there are "
                       f"{', '.join(d.name for d in designs)}")  # fmt: skip


def _told(task: str, number: int, count: int) -> None:
    tell(f"{task} ({number + 1} of {count})")


def _print(found: Ranking) -> None:
    from asiarch.search.ranking import table

    protocol = found.protocol
    print(f"protocol {protocol.name} {protocol.hash[:12]}, host {protocol.host}; effects against "
          f"{found.bar}; {protocol.tiers[0].seeds[-1]} seeds")  # fmt: skip
    groups = ((False, "over all tasks"), (True, "over all tasks, without any convolution"))
    for apart, title in groups:
        rows = [r for r in found.rows if r.apart == apart]
        if rows:
            print_table(title, table.overall(rows))
            for task in found.tasks:
                print_table(task, table.by_task(rows, task))
    if found.left_out:
        print("\nleft out")
        for line in table.left_out(found):
            print(f"  {line}")
    print()
    for note in table.NOTES:
        print(note)
