"""Try the laws of causality on anybody's torch module; no program in the language is needed.

TARGET is FILE.py:NAME or package.module:NAME: a torch.nn.Module class, a function that returns a
module, or an instance. Loading a file executes it: audit files that you would run. Arguments of the
constructor come from --arg, and are made up where the meaning of a name is plain (dim, n_heads).

Laws: prefix (later tokens change no earlier output, in every bit), gradient (nor do earlier outputs
send gradient to later tokens), length (nor does it matter how many tokens follow), batch (rows do
not see each other), and, where forward takes state or cu_seqlens, streaming, stepping and packing.
Each is tried in evaluation mode; prefix, gradient and batch in training mode too. A law that fails
names the tokens, the module and the line. Exit status: 0 all hold, 1 a law fails, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asiarch.commands.support import streams
from asiarch.commands.support.construct import Built, argument, build
from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.numbers import seed, whole
from asiarch.commands.support.target import explained, find, load, split
from asiarch.commands.support.terminal import GREEN, RED, colored, harmless, paint

if TYPE_CHECKING:
    from types import ModuleType

    from torch import Tensor, nn

    from asiarch.laws import Form, Report, Verdict

SUMMARY = "try the laws of causality on any torch module"
INDENT = 26


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", metavar="TARGET", help="FILE.py:NAME; this executes the file")
    parser.add_argument(
        *("--arg", "-a"),
        dest="args",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_checked(argument),
        help="an argument of the constructor; config.dim=64 sets a field of its configuration",
    )
    parser.add_argument(
        "--input",
        dest="shapes",
        metavar="SHAPE",
        action="append",
        default=[],
        type=_checked(streams.shaped),
        help="a stream of floats, as in 3,65,32 or x=3,65,32: batch, time, the rest",
    )
    parser.add_argument(
        "--tokens", metavar="VOCAB", type=whole(1), help="a stream of ids below VOCAB"
    )
    parser.add_argument(
        "--inputs", metavar="FUNCTION", help="a function of the file that returns the streams"
    )
    parser.add_argument(
        "--layout", metavar="LETTERS", help="the axes of the streams: btc (the default), tbc, bct"
    )
    parser.add_argument("--time", metavar="T", type=int, help="tokens of made-up streams (65)")
    parser.add_argument("--call", metavar="METHOD", default="forward", help="instead of forward")
    parser.add_argument(
        "--mode", choices=("both", "eval", "train"), default="both", help="both by default"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of parameters and streams (0)")
    parser.add_argument("--json", action="store_true", help="the record for machines")
    parser.add_argument("--seconds", action="store_true", help="also say how long it took")


def _checked(parse: Any) -> Any:
    def check(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return check


def run(arguments: argparse.Namespace) -> int:
    try:
        import torch
    except ImportError as error:
        raise CommandError(f"audit needs {error.name}: pip install 'asiarch[torch]'") from None
    began = time.monotonic()
    if arguments.time is not None and arguments.time < 2:
        raise CommandError(f"--time must be at least 2, not {arguments.time}")
    place, name = split(arguments.target)
    module = load(place)
    target = find(module, place, name)
    torch.manual_seed(arguments.seed)
    built = build(name or target.__name__, target, dict(arguments.args), vars(module))
    method: Any = getattr(built.module, arguments.call, None)
    if not callable(method):
        raise CommandError(f"{type(built.module).__name__} has no method `{arguments.call}`")
    given, form = _streams(arguments, module, place, built.module)
    report = _audited(arguments, built, given, form)
    seconds = time.monotonic() - began if arguments.seconds else None
    if arguments.json:
        _json(report, built, seconds)
    else:
        _show(report, built, seconds)
    return 1 if report.failures else 0


def _streams(
    arguments: argparse.Namespace, module: ModuleType, place: str, subject: nn.Module
) -> tuple[list[Tensor] | None, Form]:
    """The streams that the command line gives, [batch, time, ...], and the form of the call."""
    import torch

    from asiarch.laws import Axes, Form

    axes = streams.axes(arguments.layout)
    if arguments.inputs is not None:
        if arguments.shapes or arguments.tokens is not None:
            raise CommandError("--inputs stands alone, without --input and --tokens")
        named = streams.from_function(
            arguments.inputs, module, place, arguments.time, arguments.seed
        )
    else:
        floats = [p.dtype for p in subject.parameters() if p.is_floating_point()]
        dtype = floats[0] if floats else torch.float32
        named = streams.drawn(
            arguments.shapes, arguments.tokens, arguments.time, arguments.seed, dtype
        )
    form = Form(arguments.call)
    if not named:
        return None, form if axes is None else replace(form, axes=(axes,) * 8)
    axes = axes or Axes()
    shortest = max(axes.batch, axes.time) + 1
    if any(x.dim() < shortest for _, x in named):
        raise CommandError(f"--layout {arguments.layout}: a stream has fewer axes than that")
    given = [x.movedim((axes.batch, axes.time), (0, 1)).contiguous() for _, x in named]
    if len({x.shape[:2] for x in given}) > 1:
        raise CommandError(
            f"streams differ in batch or time: {[tuple(x.shape) for x in given]} (see --layout)"
        )
    return given, replace(form, axes=(axes,) * len(given), names=tuple(n for n, _ in named))


def _audited(
    arguments: argparse.Namespace, built: Built, given: list[Tensor] | None, form: Form
) -> Report:
    from asiarch import laws

    modes = ("eval", "train") if arguments.mode == "both" else (arguments.mode,)
    try:
        with redirect_stdout(sys.stderr):
            return laws.audit(
                built.module,
                given,
                form=form,
                modes=modes,
                time=arguments.time,
                seed=arguments.seed,
            )
    except laws.NoInputs as reason:
        raise CommandError(
            f"{reason}\n  give --input 3,65,32 (batch, time, width; repeat it for more streams), "
            "--tokens VOCAB for ids,\n  or --inputs FUNCTION, a function of the file that returns "
            "the tensors; --layout for other axes"
        ) from None
    except laws.NotASequence as reason:
        raise CommandError(f"{built.call}: {reason}") from None
    except Exception as error:  # whatever a stranger's module raises is what is reported
        raise CommandError(f"{built.call} on these inputs raised {explained(error)}") from None


def _json(report: Report, built: Built, seconds: float | None) -> None:
    record = {"call": built.call, **report.as_dict()}
    if seconds is not None:
        record["seconds"] = round(seconds, 2)
    json.dump(record, sys.stdout, indent=1, ensure_ascii=False)
    print()


def _show(report: Report, built: Built, seconds: float | None) -> None:
    color = colored(sys.stdout)
    print(harmless(f"{built.call}  {report.called}"))
    for verdict in report.verdicts:
        for line in _lines(verdict, color):
            print(line)
    count = sum(v.status != "not applicable" for v in report.verdicts)
    failed = len(report.failures)
    said = f"{failed} of {count} laws fail" if failed else f"all {count} laws that apply hold"
    took = "" if seconds is None else f", in {seconds:.1f} s"
    print(paint(said, RED if failed else GREEN, color) + took)


def _lines(verdict: Verdict, color: bool) -> list[str]:
    style = {"ok": GREEN, "failed": RED}.get(verdict.status, "")
    said = verdict.detail if verdict.witness is None else verdict.witness.text
    status = paint(f"{verdict.status:<16}", style, color)
    lines = [f"  {status}{verdict.law}: {harmless(said)}"]
    if verdict.witness is not None and verdict.witness.where:
        lines.append(f"{'':18}{harmless(verdict.witness.where)}")
    return lines
