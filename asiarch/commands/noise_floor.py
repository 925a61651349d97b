"""Train one operator against itself: the noise of a comparison, and what the protocol makes of it.

Copies share a seed's data and differ in their weights. Prints the correlation and the spread of
each task with intervals, then the family-wise error and the power of the protocol from simulated
runs on resampled A/A differences. Ctrl-C at any time: the same command goes on.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.measuring import (
    add_measuring,
    as_json,
    check_given,
    laboratory,
    operators,
    print_table,
    tasks_of,
    tell,
)
from asiarch.commands.support.numbers import whole

if TYPE_CHECKING:
    from asiarch.search.protocol import Protocol
    from asiarch.search.ranking.noise import Floor, Simulated
    from asiarch.search.stats.simulate import Rate

SUMMARY = "train A against A: the noise that effects stand in"
BASELINE = "panel.gdn_mixer"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="NAME",
        help="may be given again; the tasks of the protocol unless given",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=24,
        metavar="N",
        help="training runs of each task (24), shared by three copies",
    )
    parser.add_argument(
        "--operator", default=BASELINE, metavar="NAME", help=f"the operator ({BASELINE})"
    )
    parser.add_argument(
        "--simulate",
        type=whole(0),
        default=5000,
        metavar="N",
        help="simulated runs of the protocol (5000); 0 for none",
    )
    add_measuring(parser)
    parser.set_defaults(protocol="full")


def run(arguments: argparse.Namespace) -> int:
    from asiarch.search.protocol import PRESETS
    from asiarch.search.ranking.measure import ranked
    from asiarch.search.ranking.noise import COPIES, FEWEST

    chosen = PRESETS[arguments.protocol]
    if arguments.runs < COPIES * FEWEST:
        raise CommandError(f"--runs is {COPIES * FEWEST} at least: {COPIES} copies, {FEWEST} seeds")
    tasks = tasks_of(arguments.task)
    protocol = ranked(chosen, tasks=tasks, seeds=arguments.runs // COPIES, steps=arguments.steps)
    floors = _floors(arguments, protocol)
    found = _simulated(chosen, floors, arguments.simulate)
    if found is not None:
        _keep(arguments, protocol, chosen, found)
    if not as_json(arguments, _json(floors, found)):
        _print(floors, found, arguments.simulate)
    return 0


def _floors(arguments: argparse.Namespace, protocol: Protocol) -> list[Floor]:
    from asiarch.search.ranking import cost
    from asiarch.search.ranking.entrants import Entrants
    from asiarch.search.ranking.noise import COPIES, copies, floor
    from asiarch.search.ranking.session import NOISE, introduce, run_name

    entrants = Entrants()
    made = operators(entrants, [arguments.operator], arguments.sizes)
    if len(made) != 1:
        raise CommandError(f"{arguments.operator} is {len(made)} operators; name one")
    check_given(made, arguments.sizes)
    (design,) = made
    out: list[Floor] = []
    with laboratory(arguments, run_name(NOISE, protocol, arguments.seed), protocol) as (
        engineer,
        _,
        lab,
    ):
        tell(cost.said(protocol, COPIES, arguments.workers, engineer.costs))
        introduce(lab.store, lab.name, entrants, copies(design), [design])
        tasks = protocol.tiers[0].tasks
        engineer.calibrate(design, tasks)
        for task in tasks:
            out.append(floor(engineer, design, task, arguments.runs))
            tell(_line(out[-1]))
    return out


def _simulated(
    protocol: Protocol, floors: list[Floor], runs: int
) -> tuple[Protocol, Simulated] | None:
    from asiarch.search.ranking.noise import restricted, simulated

    if not runs:
        return None
    if not protocol.claims:
        tell(f"protocol {protocol.name} claims nothing: there is no error to simulate")
        return None
    try:
        measured = restricted(protocol, [f.task for f in floors])
    except ValueError as error:
        tell(str(error))
        return None
    return measured, simulated(measured, {f.task: f.pool for f in floors}, runs)


def _keep(
    arguments: argparse.Namespace, protocol: Protocol, chosen: Protocol,
    found: tuple[Protocol, Simulated],
) -> None:  # fmt: skip
    """What the protocol's errors are goes into the store, where a report of its searches finds it.
    The noise of shorter runs is not that of the protocol's.
    """
    from asiarch.search.ranking.kept import keep_simulated
    from asiarch.search.ranking.session import NOISE, run_name
    from asiarch.search.store import Store, StoreError

    if arguments.steps:
        return
    try:
        with Store(arguments.store) as store:
            run = run_name(NOISE, protocol, arguments.seed)
            keep_simulated(store, run, chosen, found[0], arguments.operator, found[1])
    except StoreError as error:
        raise CommandError(str(error)) from None


def _line(f: Floor) -> str:
    rho = f.noise.rho
    return (
        f"{f.task}: rho {rho.value:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}], sigma "
        f"{f.sigma.value:.4g} [{f.sigma.low:.4g}, {f.sigma.high:.4g}]"
    )


def _print(floors: list[Floor], found: tuple[Protocol, Simulated] | None, runs: int) -> None:
    head = ["task", "seeds", "rho", "sigma of a run", "of a paired difference", "over unpaired",
            "bimodality", "failed"]  # fmt: skip
    rows = [head]
    for f in floors:
        n, rho = f.noise, f.noise.rho
        rows.append([
            f.task, str(len(f.pool)), f"{rho.value:+.2f} [{rho.low:+.2f}, {rho.high:+.2f}]",
            *(f"{x.value:.4g} [{x.low:.4g}, {x.high:.4g}]" for x in (f.sigma, f.paired)),
            f"{n.ratio:.2f}", f"{n.bimodal:.2f}", str(f.failed),
        ])  # fmt: skip
    print_table("A against A, 95 % intervals; bimodality above 0.56 is suspicious", rows)
    if found is None:
        return
    protocol, s = found
    print(f"\nprotocol {protocol.name} {protocol.hash[:12]}, {runs} simulated runs on these")
    print(f"  family-wise error, whoever comes first is confirmed: {_rate(s.worst.family)}")
    print(f"  family-wise error, {s.candidates} candidates race: {_rate(s.screened.family)}")
    print(f"  runs that the races alone would fool: {_rate(s.screened.fooled)}")
    print(f"  power at 1.6 sds, one of {s.candidates}: {_rate(s.power.found)}")


def _rate(r: Rate) -> str:
    return f"{r.value:.4f} [{r.low:.4f}, {r.high:.4f}]"


def _json(floors: list[Floor], found: tuple[Protocol, Simulated] | None) -> dict[str, Any]:
    from dataclasses import asdict

    tasks = [{**asdict(f), "pool": f.pool.tolist()} for f in floors]
    if found is None:
        return {"tasks": tasks, "protocol": None}
    return {"tasks": tasks, "protocol": found[0].to_json(), "simulated": asdict(found[1])}
