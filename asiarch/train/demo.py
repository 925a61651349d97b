"""The models of one file, one text, equal steps: `python -m asiarch.train.demo FILE.asi -D D=96`.

Trains every model that a file defines alike and prints bits per byte, parameters, state and speed
beside byte n-grams of the same split. The models train at once, each in a process of its own on an
equal share of the cores: small models gain little from a second thread, and threads that wait for
each other lose much when the machine has other work. An interrupted comparison goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch
from torch import nn

from asiarch import interface
from asiarch.train import checkpoint, data, evaluate, ngram
from asiarch.train.checkpoint import Settings
from asiarch.train.errors import TrainError
from asiarch.train.progress import Plain, Step
from asiarch.train.sample import sample
from asiarch.train.trainer import EVALUATED_BYTES, Result, train

Make = Callable[[str, str, Mapping[str, int], int], nn.Module]
Ahead = Callable[[Sequence[str]], int]
TABLE = "table.txt"
PROMPT = b"def "
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. States are numbers kept per sequence after T and after 4 T tokens."""

    name: str
    bits: float
    parameters: int | None = None
    state: int | None = None
    state_later: int | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and where it is kept."""

    text: str
    sizes: Mapping[str, int]
    corpus: data.Corpus
    settings: Settings
    out: Path


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison; 1 when a model does not beat the bigram or something is wrong."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(words)
    try:
        if arguments.only is None:
            return compare(
                _plan(arguments), make_module, sys.stdout, lambda models: _at_once(words, models)
            )
        torch.set_num_threads(arguments.threads)
        plan = _plan(arguments)
        module = make_module(plan.text, arguments.only, plan.sizes, plan.settings.seed)
        return INTERRUPTED if _train(module, arguments.only, plan).interrupted else 0
    except (TrainError, interface.SpecError, interface.SizeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def make_module(text: str, model: str, sizes: Mapping[str, int], seed: int) -> nn.Module:
    """A model of a spec, on bytes. What the spec uses comes from the library."""
    return interface.compile(text, model, sizes, seed=seed)


def compare(plan: Plan, make: Make, stream: TextIO, ahead: Ahead | None = None) -> int:
    """Trains each model of the spec and prints the table to the stream; returns the exit status.

    `ahead` may train the models named to it elsewhere; what it leaves undone is done here.
    """
    models = [d.name.id for d in interface.parse(plan.text).definitions if d.kind == "model"]
    settings, corpus = plan.settings, plan.corpus
    print(corpus.describe(), file=stream)
    print("counting byte n-grams", file=stream, flush=True)
    held_out = data.windows(corpus.held_out, settings.time, EVALUATED_BYTES)
    grams = ngram.baselines(corpus.train, held_out)
    rows = [Row(name, bits) for name, bits in grams.items()]
    # A table marks a comparison that came to its end: the next one starts from nothing.
    if (plan.out / TABLE).exists():
        for name in models:
            shutil.rmtree(plan.out / name, ignore_errors=True)
        (plan.out / TABLE).unlink()
    status = ahead(models) if ahead else 0
    if status == INTERRUPTED:
        print("the same command goes on from here", file=stream)
    if status:
        return status
    modules: dict[str, nn.Module] = {}
    for name in models:
        module = modules[name] = make(plan.text, name, plan.sizes, settings.seed)
        result = _train(module, name, plan)
        if result.interrupted:
            print("the same command goes on from here", file=stream)
            return INTERRUPTED
        rows.append(_row(name, module, result, settings.time))
    table = render(rows, settings)
    (plan.out / TABLE).write_text(table)
    print(f"\n{table}", file=stream)
    for name, module in modules.items():
        text = PROMPT + sample(module, PROMPT, length=160, seed=settings.seed)
        print(f"{name} goes on from {PROMPT.decode()!r}:", file=stream)
        print(text.decode("utf-8", "replace"), end="\n\n", file=stream)
    beaten = [row.name for row in rows[len(grams) :] if row.bits >= grams["bigram"]]
    for name in beaten:
        print(f"error: {name} does not beat the bigram", file=stream)
    return 1 if beaten else 0


def render(rows: Sequence[Row], settings: Settings) -> str:
    """The table as text, one row per model."""
    time = settings.time
    states = (f"state at {time:,}", f"at {4 * time:,}")
    header = ("model", "bits per byte", "parameters", *states, "tokens/s")
    lines = [header, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    shown.insert(1, "  ".join("-" * width for width in widths))
    shown.append(
        f"{settings.steps} steps of {settings.batch} x {time} bytes, seed {settings.seed}; "
        "bits per byte on held-out files"
    )
    return "\n".join(line.rstrip() for line in shown) + "\n"


class Parted(Plain):
    """Lines that begin with the model's name; ends the run when the comparison is gone."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.parent = os.getppid()

    def step(self, step: Step) -> None:
        super().step(step)
        if os.getppid() != self.parent:
            os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        super().note(f"{self.name}: {text}")


def _at_once(words: Sequence[str], models: Sequence[str]) -> int:
    """Trains each model in a process of its own; the first status that is not 0, else 0."""
    threads = max(1, torch.get_num_threads() // max(1, len(models)))
    command = [sys.executable, "-m", "asiarch.train.demo", *words, "--threads", str(threads)]
    # Sessions of their own: Ctrl-C reaches them once, from here, and not by the terminal as well.
    running = [
        subprocess.Popen([*command, "--only", name], start_new_session=True) for name in models
    ]
    try:
        return next(filter(None, [process.wait() for process in running]), 0)
    except KeyboardInterrupt:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait()
        return INTERRUPTED


def _train(module: nn.Module, name: str, plan: Plan) -> Result:
    folder, settings = plan.out / name, plan.settings
    meta = {
        "spec": plan.text,
        "model": name,
        "sizes": dict(plan.sizes),
        "seed": settings.seed,
    }
    resume = None
    if checkpoint.exists(folder):
        stored = checkpoint.load(folder)
        resume = folder if (stored.settings, stored.meta) == (settings, meta) else None
    progress = Parted(name)
    if resume is None:
        progress.note(f"{evaluate.parameter_count(module):,} parameters")
    return train(
        module,
        plan.corpus,
        steps=settings.steps,
        batch=settings.batch,
        time=settings.time,
        lr=settings.lr,
        seed=settings.seed,
        out=folder,
        resume=resume,
        meta=meta,
        progress=progress,
    )


def _row(name: str, module: nn.Module, result: Result, time: int) -> Row:
    return Row(
        name,
        result.held_out,
        result.parameters,
        evaluate.state_floats(module, time),
        evaluate.state_floats(module, 4 * time),
        result.bytes_per_second,
    )


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (row.parameters, row.state, row.state_later, row.tokens_per_second)
    return (
        row.name,
        f"{row.bits:.3f}",
        *("" if number is None else f"{number:,.0f}" for number in numbers),
    )


def _plan(arguments: argparse.Namespace) -> Plan:
    try:
        text = Path(arguments.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"cannot read {arguments.file}: {error}") from error
    corpus = data.load(arguments.data)
    settings = Settings(
        arguments.steps,
        arguments.batch,
        arguments.time,
        arguments.lr,
        arguments.seed,
        corpus.digest,
    )
    return Plan(text, dict(arguments.sizes), corpus, settings, arguments.out)


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER")
    return name, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asiarch.train.demo",
        description="Train the models of a file alike and compare them.",
    )
    add = parser.add_argument
    add("file", metavar="FILE.asi")
    add("-D", dest="sizes", metavar="NAME=NUMBER", type=_size, action="append", default=[])
    add("--data", type=Path, help="a text file or folder (default: Python's own sources)")
    add("--steps", type=int, default=1500)
    add("--batch", type=int, default=8, help="rows per step")
    add("--time", type=int, default=256, help="bytes per row")
    add("--lr", type=float, default=8e-3, help="peak learning rate")
    add("--seed", type=int, default=0)
    add("--only", metavar="MODEL", help="train this one and print no table")
    add("--threads", type=int, default=1, help="of --only")
    add("--out", type=Path, default=Path("runs/demo"), help="for checkpoints")
    return parser


if __name__ == "__main__":
    sys.exit(main())
