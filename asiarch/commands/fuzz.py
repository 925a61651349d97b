"""Draw programs at random and check everything that is known to hold of them.

A failure is shrunk to a small `.asi` file, and the command that replays it is printed. Interrupted,
the command that goes on is printed. Exit status: 0 nothing found, 1 a failure, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from asiarch.commands.support.errors import CommandError

if TYPE_CHECKING:
    from asiarch.fuzz.campaign import Failure, Outcome

SUMMARY = "random programs against everything that must hold"
BACKENDS = ("reference", "torch")
UNNAMED = "fuzz"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--programs", type=int, default=100, metavar="N", help="how many to draw")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after this time")
    parser.add_argument("--policy", default="causal", metavar="NAME",
                        help="causal, non_causal or wild")  # fmt: skip
    parser.add_argument("--backends", default="reference,torch", metavar="LIST",
                        help="reference alone runs no module")  # fmt: skip
    parser.add_argument("--laws", metavar="LIST", help="only these checks")
    parser.add_argument("--out", default="fuzz_failures", metavar="DIR", help="for what fails")
    parser.add_argument("--ledger", metavar="FILE", help="add a line of JSON about the run")
    parser.add_argument(
        "--suite", default=UNNAMED, metavar="NAME", help="its name, in the ledger too"
    )
    parser.add_argument("--replay", metavar="FILE", help="check one file again")
    parser.add_argument("--distribution", type=int, metavar="N",
                        help="what N programs consist of, and what is too rare")  # fmt: skip
    parser.add_argument("--show", action="store_true", help="print the program of the seed")


def run(arguments: argparse.Namespace) -> int:
    names = _checks(arguments)
    if arguments.replay is not None:
        return _replay(arguments.replay, names, arguments.seed)
    if arguments.distribution is not None:
        return _distribution(arguments.seed, arguments.distribution)
    from asiarch.fuzz.campaign import Interrupted
    from asiarch.fuzz.campaign import run as campaign
    from asiarch.fuzz.policy import POLICIES

    if arguments.policy not in POLICIES:
        raise CommandError(f"no policy {arguments.policy!r}; there are {', '.join(POLICIES)}")
    policy = POLICIES[arguments.policy]
    if arguments.show:
        return _show(arguments.seed, arguments.policy)
    _one_thread()
    teller = _Teller(_named(arguments), arguments.programs, arguments.seconds, Path(arguments.out))
    try:
        outcome = campaign(arguments.seed, arguments.programs, policy=policy, checks=names,
                           seconds=arguments.seconds, progress=teller)  # fmt: skip
    except Interrupted as stop:
        _finish(arguments, names, stop.outcome)
        left = arguments.programs - stop.outcome.programs
        print(f"{_named(arguments)}go on with: asiarch fuzz --seed {stop.outcome.next} "
              f"--programs {left} --policy {policy.name} --laws {','.join(names)}")  # fmt: skip
        raise
    _finish(arguments, names, outcome)
    return 1 if outcome.failures else 0


def _named(arguments: argparse.Namespace) -> str:
    """What begins a line of a suite that has a name: several may run side by side."""
    return "" if arguments.suite == UNNAMED else f"{arguments.suite}: "


def _one_thread() -> None:
    """Small tensors: several threads are slower than one."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


def _checks(arguments: argparse.Namespace) -> tuple[str, ...]:
    from asiarch.fuzz.checks import CHECKS, EVERY, STATIC

    backends = arguments.backends.split(",")
    for name in backends:
        if name not in BACKENDS:
            raise CommandError(f"no backend {name!r}; there are {', '.join(BACKENDS)}")
    if arguments.laws is None:
        known = EVERY if "torch" in backends else STATIC
        return tuple(n for n in known if n != "accepted" or arguments.policy == "causal")
    names = tuple(arguments.laws.split(","))
    for name in names:
        if name not in CHECKS:
            raise CommandError(f"no check {name!r}; there are {', '.join(CHECKS)}")
    return names


def _distribution(seed: int, programs: int) -> int:
    from asiarch.fuzz.distribution import measure

    found = measure(range(seed, seed + programs))
    missing = found.missing()
    print("\n".join([*found.lines(), *(f"too rare: {m}" for m in missing)]))
    return 1 if missing else 0


def _show(seed: int, policy: str) -> int:
    import random

    from asiarch.fuzz.generate import draw
    from asiarch.fuzz.policy import POLICIES

    print(draw(random.Random(seed), POLICIES[policy]).file, end="")
    return 0


def _replay(file: str, names: tuple[str, ...], seed: int) -> int:
    from asiarch.commands.support.files import read as read_file
    from asiarch.fuzz.checks import Case, judged
    from asiarch.fuzz.program import read

    try:
        program = read(read_file(file).text)
    except ValueError as error:
        raise CommandError(f"{file}: {error}") from None
    failed = 0
    for name in names:
        failure, left = judged(Case(program, seed), (name,))
        verdict = f"FAILED: {failure[1]}" if failure else left.get(name, "ok")
        failed += failure is not None
        print(f"{name:>9}  {verdict}")
        if failure is not None and name == "accepted":
            break
    return 1 if failed else 0


def _finish(arguments: argparse.Namespace, names: tuple[str, ...], outcome: Outcome) -> None:
    from asiarch.fuzz.ledger import Entry, append

    suite = _named(arguments)
    if sys.stderr.isatty() and not suite:
        print(file=sys.stderr)
    found = ", ".join(f"{k} {v}" for k, v in sorted(outcome.counts.items())) or "no failure"
    left = ", ".join(f"{k} {v}" for k, v in sorted(outcome.not_judged.items()))
    seeds = f"seeds {outcome.first} to {outcome.next - 1}"
    more = f"; not judged: {left}" if left else ""
    print(f"{suite}{outcome.programs} programs, {seeds}, {outcome.seconds:.1f} s: {found}{more}")
    if arguments.ledger is not None:
        entry = Entry(arguments.suite, arguments.policy, names, (outcome.first, outcome.next),
                      outcome.programs, dict(outcome.counts), dict(outcome.not_judged),
                      round(outcome.seconds, 1))  # fmt: skip
        append(Path(arguments.ledger), [entry])


class _Teller:
    """What fails, as soon as it is found, written to the folder; how far the run is, with the time
    to go: a line now and then where there is no terminal.
    """

    def __init__(self, suite: str, programs: int, seconds: float | None, folder: Path) -> None:
        self.suite, self.programs, self.seconds, self.folder = suite, programs, seconds, folder
        self.failures = 0
        self.live = sys.stderr.isatty() and not suite
        self.told = time.monotonic()

    def __call__(self, outcome: Outcome) -> None:
        for failure in outcome.failures[self.failures :]:
            self._fails(failure)
        self.failures = len(outcome.failures)
        now = time.monotonic()
        if now - self.told < (0.2 if self.live else 15.0):
            return
        self.told = now
        line = (
            f"{self.suite}{outcome.programs} programs, {sum(outcome.counts.values())} failures, "
            f"{outcome.programs / max(outcome.seconds, 1e-9):.1f} a second, "
            f"{self._left(outcome):.0f} s to go"
        )
        print(f"\r\x1b[K{line}" if self.live else line, end="" if self.live else "\n",
              file=sys.stderr, flush=True)  # fmt: skip

    def _fails(self, failure: Failure) -> None:
        from asiarch.fuzz.campaign import write

        path = write(failure, self.folder)
        start = "\r\x1b[K" if self.live else self.suite
        print(f"{start}{failure.check} fails, first at seed "
              f"{failure.seed}: {failure.said.strip()}\n  asiarch fuzz --replay {path} "
              f"--seed {failure.seed} --laws {failure.check}", flush=True)  # fmt: skip

    def _left(self, outcome: Outcome) -> float:
        each = outcome.seconds / max(outcome.programs, 1)
        left = (self.programs - outcome.programs) * each
        return left if self.seconds is None else min(left, self.seconds - outcome.seconds)
