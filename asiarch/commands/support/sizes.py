"""`-D H=2` on the command line, and the definition that a command is about."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from asiarch.commands.support.errors import CommandError
from asiarch.language import ast
from asiarch.language.names import suggest

DIGITS = 19


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The repeatable flag `-D NAME=NUMBER`."""
    parser.add_argument(
        "-D",
        dest="sizes",
        metavar="NAME=NUMBER",
        action="append",
        default=[],
        type=_size,
        help="a size of the header, as in -D D=64 -D H=2",
    )


def _size(text: str) -> tuple[str, int]:
    name, equals, number = text.partition("=")
    if not equals or not name.strip().isidentifier() or not number.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER, as in H=2")
    if len(number.strip()) > DIGITS:
        raise argparse.ArgumentTypeError(f"{name} has more than {DIGITS} digits")
    if int(number) < 1:
        raise argparse.ArgumentTypeError(f"the size {name} must be at least 1, not {number}")
    return name.strip(), int(number)


def choose(
    program: ast.Program, filename: str, name: str | None, flag: str, kind: str | None = None
) -> ast.Definition:
    """The definition of that name, or the only one (of `kind`). `flag` is how a caller names it."""
    every = {d.name.id: d for d in program.definitions}
    fitting = {n: d for n, d in every.items() if kind is None or d.kind == kind}
    if name is not None:
        return _named(every, fitting, filename, name, kind)
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    what = kind or "definition"
    if not fitting:
        raise CommandError(f"{filename} has no {what}" + _defines(every))
    raise CommandError(f"{filename} has several {what}s; say which: {flag} {' | '.join(fitting)}")


def _named(
    every: Mapping[str, ast.Definition],
    fitting: Mapping[str, ast.Definition],
    filename: str,
    name: str,
    kind: str | None,
) -> ast.Definition:
    if name in fitting:
        return fitting[name]
    if name in every:
        raise CommandError(f"`{name}` is an {every[name].kind}, and this wants a {kind}")
    near = suggest(name, list(fitting))
    hint = f"; did you mean `{near}`?" if near else _defines(every)
    raise CommandError(f"{filename} defines no `{name}`{hint}")


def _defines(every: Mapping[str, ast.Definition]) -> str:
    return f"; it defines {', '.join(every)}" if every else "; it defines nothing"


def check_sizes(definition: ast.Definition, given: Mapping[str, int]) -> None:
    """Every size that has no default must be given, and none that the header lacks."""
    name = definition.name.id
    header = [h.name.id for h in definition.header]
    for size in given:
        if size not in header:
            near = suggest(size, header)
            hint = f"did you mean `{near}`?" if near else f"it has {', '.join(header) or 'none'}"
            raise CommandError(f"`{name}` has no size `{size}`; {hint}")
    missing = [h.name.id for h in definition.header if h.default is None and h.name.id not in given]
    if missing:
        flags = " ".join(f"-D {m}=..." for m in missing)
        raise CommandError(f"`{name}` needs a number for {_list(missing)}: give {flags}")


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
