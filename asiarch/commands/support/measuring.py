"""What the commands that measure share: the operators named, the store, the terminal."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.files import SUFFIX, check_writable, make_folder, read, write
from asiarch.commands.support.libraries import needs_torch
from asiarch.commands.support.numbers import seed
from asiarch.commands.support.sizes import add_sizes
from asiarch.commands.support.terminal import columns

if TYPE_CHECKING:
    from asiarch.search.engineer import Design, Engineer
    from asiarch.search.lab import StoreLab
    from asiarch.search.protocol import Protocol
    from asiarch.search.ranking.entrants import Entrants
    from asiarch.search.ranking.session import Heard

STORE = "runs/rank.db"


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """The flags of everything that trains under a protocol."""
    parser.add_argument(
        "--protocol",
        choices=("quick", "full"),
        default="quick",
        help="quick (the default) screens, full is what claims are made under",
    )
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="scoring seeds")
    parser.add_argument(
        "--steps", type=int, default=0, metavar="N", help="of training; the task's own unless given"
    )
    parser.add_argument(
        "--store", default=STORE, metavar="FILE", help="where runs are kept (%(default)s)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="runs at once, each on one core",
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="the master seed")
    parser.add_argument("--json", metavar="FILE", help="the numbers; `-` prints them alone")
    add_sizes(parser)


def add_tasks(parser: argparse.ArgumentParser) -> None:
    """`--tasks`, which `tasks_of(names(...))` reads; the protocol's unless given."""
    parser.add_argument("--tasks", default="", metavar="NAMES", help="as in update,copy.small")


def names(text: str) -> tuple[str, ...]:
    """Of a list with commas. Raises CommandError for commas alone."""
    found = tuple(filter(None, (part.strip() for part in text.split(","))))
    if text.strip() and not found:
        raise CommandError(f"{text!r} names nothing: names with commas between them")
    return found


def tasks_of(wanted: Sequence[str]) -> tuple[str, ...]:
    """Tasks by name; a short name is the small one. Raises CommandError."""
    from asiarch.language.names import suggest

    needs_torch("measuring")
    from asiarch.train.tasks.registry import TASKS

    found: list[str] = []
    for name in wanted:
        small = name if name in TASKS and "." in name else f"{name}.small"
        if name in TASKS or small in TASKS:
            found.append(small if small in TASKS else name)
            continue
        near = suggest(name, list(TASKS))
        hint = f"did you mean `{near}`?" if near else f"there are {', '.join(TASKS)}"
        raise CommandError(f"no task `{name}`; {hint}")
    return tuple(dict.fromkeys(found))


def check_given(designs: Sequence[Design], sizes: Sequence[tuple[str, int]]) -> None:
    """Every size that was given must be one of somebody's header. Raises CommandError."""
    from asiarch.language.names import suggest
    from asiarch.language.parser import parse

    headers = {
        h.name.id
        for design in designs
        for d in parse(design.text).program.definitions
        if d.name.id == design.op
        for h in d.header
    } - {"D"}
    for name, number in sizes:
        if name == "D":
            raise CommandError("D is the width of the network that everybody is put into: it is"
                               " the same for all and cannot be given")  # fmt: skip
        if name not in headers:
            near = suggest(name, sorted(headers))
            has = ", ".join(sorted(headers)) or "none that can be given"
            raise CommandError(
                f"no operator named here has a size `{name}`; "
                + (f"did you mean `{near}`?" if near else f"there are {has}")
            )
        if number < 1:
            raise CommandError(f"the size {name} must be at least 1, not {number}")


def operators(
    entrants: Entrants, wanted: Sequence[str], sizes: Sequence[tuple[str, int]] = ()
) -> list[Design]:
    """Files, FILE:OP, or names of the library. Raises CommandError."""
    from asiarch.search.ranking.entrants import NotRanked

    found: list[Design] = []
    try:
        for name in wanted:
            path, colon, op = name.rpartition(":")
            if colon and not op:
                raise CommandError(f"{name} names no operator after its colon: FILE, or FILE:OP")
            file = path if colon and (path.endswith(SUFFIX) or Path(path).is_file()) else name
            if file.endswith(SUFFIX) or Path(file).is_file():
                given = read(file)
                chosen = op if file == path else ""
                found += entrants.of_text(given.text, given.name, chosen, dict(sizes))
            else:
                found += entrants.of_library(name, dict(sizes))
    except NotRanked as error:
        raise CommandError(str(error), PROGRAM) from None
    return each_once(found)


def each_once(designs: Sequence[Design]) -> list[Design]:
    """The first of those that are one operator; which they are is said."""
    from asiarch.search.ranking.entrants import distinct

    kept = distinct(designs)
    names = {d.id: d.name for d in kept}
    for design in designs:
        if design not in kept and design.name != names[design.id]:
            tell(f"`{design.name}` is the same operator as `{names[design.id]}`, under which it is"
                 " measured")  # fmt: skip
    return kept


def check_measuring(arguments: argparse.Namespace) -> None:
    """What would be found wrong after hours is looked at before. Raises CommandError."""
    if arguments.workers < 1:
        raise CommandError(f"--workers is a number of processes, not {arguments.workers}")
    if arguments.steps < 0:
        raise CommandError(f"--steps is a number of training steps, not {arguments.steps}")
    make_folder(Path(arguments.store).parent, "--store")
    for flag in ("json", "svg"):
        path = getattr(arguments, flag, None)
        if path not in (None, "-"):
            check_writable(path)
            _check_apart(arguments, flag, Path(path))


def _check_apart(arguments: argparse.Namespace, flag: str, path: Path) -> None:
    """What is written must not be what is read."""
    named = [*getattr(arguments, "files", ()), *getattr(arguments, "winners", ())]
    named.append(getattr(arguments, "operator", ""))
    programs = [n if n.endswith(SUFFIX) else n.rpartition(":")[0] for n in named]
    read = {"the store": [arguments.store], "a program that is read": filter(None, programs)}
    for what, names in read.items():
        if path.resolve() in {Path(n).resolve() for n in names}:
            raise CommandError(f"--{flag} {path} is {what} itself: name another file")


@contextmanager
def laboratory(
    arguments: argparse.Namespace, run: str, protocol: Protocol
) -> Generator[tuple[Engineer, Heard, StoreLab]]:
    """An engineer on the store. Errors of store, machine and budget are said in a line."""
    try:
        from asiarch.search.engineer import Engineer
        from asiarch.search.executor import ExecutorError
        from asiarch.search.lab import LabError, OutOfBudget
        from asiarch.search.ranking.measure import SEEDS
        from asiarch.search.ranking.session import Heard, costs, opened
        from asiarch.search.stats.special import MissingLibrary, library
        from asiarch.search.store import StoreError
    except ImportError as error:
        raise CommandError(
            f"measuring needs {error.name}: pip install 'asiarch[torch,search]'"
        ) from None
    check_measuring(arguments)
    # As Ctrl-C: what runs goes back to the queue.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        library("scipy.special")  # before anything is trained
        with opened(
            arguments.store, run, protocol, master=arguments.seed, workers=arguments.workers,
            seen=Seen(),
        ) as lab:  # fmt: skip
            heard = Heard(lab)
            engineer = Engineer(heard, protocol, arguments.seed, SEEDS, costs=costs(lab.store))
            yield engineer, heard, lab
    except KeyboardInterrupt:
        tell("\nstopped, nothing is lost: the same command goes on")
        raise
    except (StoreError, MissingLibrary, LabError, OutOfBudget, ExecutorError, ValueError) as error:
        raise CommandError(str(error), PROGRAM) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Seen:
    """A line of the terminal that says how many runs of a batch are done."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        if self.live:
            end = "\n" if done == total else ""
            print(f"\r  {done} of {total} jobs{end}", end="", file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """What is said while it works goes beside what is printed."""
    print(text, file=sys.stderr, flush=True)


def print_table(title: str, table: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}")
    for line in columns(table):
        print(f"  {line}")


def as_json(arguments: argparse.Namespace, data: Any) -> bool:
    """Writes the numbers where they were asked for; whether they are all that is printed."""
    if arguments.json is None:
        return False
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False)
    if arguments.json == "-":
        print(text)
        return True
    write(arguments.json, text + "\n")
    return False
