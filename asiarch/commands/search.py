"""Search for attention mechanisms: propose, check, train, compare, and say honestly what was found.

The store keeps everything: after Ctrl-C or a crash the same command goes on. Protocol quick only
screens; claims exist under full. What the budget buys is printed before it is spent.
"""

from __future__ import annotations

import argparse
import math
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.files import make_folder
from asiarch.commands.support.libraries import needs_torch
from asiarch.commands.support.numbers import seed

if TYPE_CHECKING:
    from asiarch.commands.support.searching import Show
    from asiarch.search.loop import Found, Settings
    from asiarch.search.loop.session import Session

SUMMARY = "search for attention mechanisms"
STORE = Path("runs/search.db")
BUDGET = 15 * 60.0
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--budget", type=seconds, metavar="TIME",
        help="wall time of the run in all: 15m, 3h (15m; none with --candidates)")  # fmt: skip
    add("--candidates", type=int, metavar="N", help="end after N: reproducible, unlike --budget")
    add("--protocol", choices=("quick", "full"), default="quick", help="quick screens only (quick)")
    add("--researcher", choices=("grammar",), default="grammar", help="who proposes (grammar)")
    add(
        "--arm", default="full", metavar="NAME", help="full, or a control: null, random, ... (full)"
    )
    add("--store", type=Path, default=STORE, metavar="FILE", help=f"what is kept ({STORE})")
    add("--seed", type=seed, default=0, metavar="N", help="of everything (0)")
    add("--workers", type=int, metavar="N", help="processes that train (one a core)")
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="for specs and report (beside the store)",
    )


def seconds(text: str) -> float:
    """A duration such as 90, 90s, 15m, 1.5h, 3h15m."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text)
    total = sum(float(number) * UNITS.get(unit, math.nan) for number, unit in parts)
    twice = len({unit for _, unit in parts}) < len(parts)
    whole = "".join(map("".join, parts)) == re.sub(r"\s", "", text)
    if twice or not whole or not 0 < total < math.inf:
        raise argparse.ArgumentTypeError(
            f"a time is written as 90s, 15m or 3h15m, not {text[:40]!r}"
        )
    return total


@dataclass(slots=True)
class _Shown:
    """Passes on what a lab tells to what shows it: one of them is made first."""

    show: Show | None = None

    def batch(self, done: int, total: int) -> None:
        if self.show is not None:
            self.show.batch(done, total)


def run(arguments: argparse.Namespace) -> int:
    try:
        from asiarch.search.checked import seldom_collected
        from asiarch.search.executor import ExecutorError
        from asiarch.search.lab import LabError
        from asiarch.search.loop.session import session
        from asiarch.search.stats.special import MissingLibrary, library
        from asiarch.search.store import StoreError
    except ImportError as error:
        raise CommandError(
            f"search needs {error.name}: pip install 'asiarch[torch,search]'"
        ) from None
    needs_torch("search")
    settings = _settings(arguments)
    budget = arguments.budget
    if budget is None and settings.candidates is None:
        budget = BUDGET
    make_folder(arguments.store.parent, "--store")
    flag = "-o" if arguments.output else "-o or --store"
    make_folder(_folder(arguments, settings.run), flag)
    shown = _Shown()
    seldom_collected()
    # As Ctrl-C: what runs goes back to the queue.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        library("scipy.special")  # before anything is trained
        with session(arguments.store, settings, budget, seen=shown.batch) as opened:
            return _search(arguments, opened, shown)
    except KeyboardInterrupt:
        print(f"\nstopped, nothing is lost; to go on:\n  {_again()}", file=sys.stderr)
        return 130
    except (StoreError, ExecutorError, LabError, MissingLibrary, ValueError) as error:
        raise CommandError(str(error)) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _settings(arguments: argparse.Namespace) -> Settings:
    from asiarch.search.loop import ARMS, Settings
    from asiarch.search.loop.session import cores
    from asiarch.search.protocol import PRESETS

    if arguments.arm not in ARMS:
        raise CommandError(f"there is no arm `{arguments.arm}`; there are {', '.join(ARMS)}")
    for name in ("candidates", "workers"):
        if (given := getattr(arguments, name)) is not None and given < 1:
            raise CommandError(f"--{name} must be at least 1, not {given}")
    protocol = PRESETS[arguments.protocol]
    return Settings(
        protocol, ARMS[arguments.arm], arguments.seed,
        f"{protocol.name}-{arguments.arm}-{arguments.seed}", arguments.candidates,
        arguments.workers or cores(),
    )  # fmt: skip


def _folder(arguments: argparse.Namespace, run: str) -> Path:
    """Of what is written at the end."""
    return arguments.output or arguments.store.parent / run


def _search(arguments: argparse.Namespace, opened: Session, shown: _Shown) -> int:
    from asiarch.commands.support.searching import choose

    show = shown.show = choose(lambda: opened.lab.left)
    try:
        settings = opened.settings
        show.note(
            f"run {settings.run} in {arguments.store}, protocol {settings.protocol.name}"
            f" {settings.protocol.hash[:12]}, {settings.workers} workers"
        )
        found = opened.search(show)
    finally:
        show.close()
    _written(arguments, opened, found)
    return 0


def _written(arguments: argparse.Namespace, opened: Session, found: Found) -> None:
    from asiarch.commands.support.searching import stepped, summary, work

    for line in summary(found):
        print(line)
    try:
        for path in _files(opened, found, _folder(arguments, opened.settings.run)):
            print(path)
    except OSError as error:
        raise CommandError(
            f"{error.filename} could not be written ({error.strerror}); the store has everything:"
            f" make room, then\n  {_again()}\ntrains nothing again and writes it", PROGRAM,
        ) from None  # fmt: skip
    spent = opened.spent()
    for line in work(spent):
        print(line)
    if spent.jobs and (step := opened.step()) is not None:
        print(stepped(step))


def _files(opened: Session, found: Found, folder: Path) -> Iterator[Path]:
    """Writes the archive, the best candidates and the report."""
    from asiarch.search.loop.specs import save_specs
    from asiarch.search.ranking.reported import reported
    from asiarch.search.report.page import page

    (folder / "archive.json").write_text(found.archive() + "\n", encoding="utf-8")
    yield from save_specs(found, folder)
    run = opened.settings.run
    report = folder / "report.html"
    report.write_text(
        page(reported(opened.store, run, title=run, command=_again())), encoding="utf-8"
    )
    yield report


def _again() -> str:
    """The command that goes on with the run: the one that was given."""
    return shlex.join(["asiarch", *sys.argv[1:]])
