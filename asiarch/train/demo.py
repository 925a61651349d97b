"""Two architectures, one text, equal steps: `python -m asiarch.train.demo FIRST.asi SECOND.asi`.

Trains the models of two specs alike and prints bits per byte, parameters, state and speed beside
byte n-grams of the same split. An interrupted comparison goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from torch import nn

from asiarch.train import checkpoint, data, evaluate, ngram
from asiarch.train.checkpoint import Settings
from asiarch.train.errors import TrainError
from asiarch.train.progress import choose
from asiarch.train.sample import sample
from asiarch.train.trainer import EVALUATED_BYTES, Result, train

Make = Callable[[str, int], nn.Module]
TABLE = "table.txt"
PROMPT = b"def "


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. States are numbers kept per sequence after T and after 4 T tokens."""

    name: str
    bits: float
    parameters: int | None = None
    state: int | None = None
    state_later: int | None = None
    tokens_per_second: float | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison; 1 when a model does not beat the bigram or something is wrong."""
    arguments = _parser().parse_args(argv)
    try:
        return compare(arguments.specs, arguments, make_module, sys.stdout)
    except TrainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def make_module(text: str, seed: int) -> nn.Module:
    """The module of a spec, on bytes."""
    import asiarch

    return asiarch.compile(text, sizes={"vocab": data.VOCABULARY}, seed=seed)


def compare(
    specs: Sequence[Path], arguments: argparse.Namespace, make: Make, stream: TextIO
) -> int:
    """Trains one module per spec and prints the table to the stream."""
    out: Path = arguments.out
    corpus = data.load(arguments.data)
    settings = Settings(
        arguments.steps,
        arguments.batch,
        arguments.time,
        arguments.lr,
        arguments.seed,
        corpus.digest,
    )
    print(corpus.describe(), file=stream)
    print("counting byte n-grams", file=stream, flush=True)
    held_out = data.windows(corpus.held_out, settings.time, EVALUATED_BYTES)
    grams = ngram.baselines(corpus.train, held_out)
    rows = [Row(name, bits) for name, bits in grams.items()]
    # A table marks a comparison that came to its end: the next one starts from nothing.
    fresh = (out / TABLE).exists()
    (out / TABLE).unlink(missing_ok=True)
    modules: list[nn.Module] = []
    for spec in specs:
        text = _read(spec)
        module = make(text, settings.seed)
        result = _train(module, spec, text, corpus, settings, out, fresh)
        if result.interrupted:
            return 130
        modules.append(module)
        rows.append(_row(spec.stem, module, result, settings.time))
    table = render(rows, settings)
    (out / TABLE).write_text(table)
    print(f"\n{table}", file=stream)
    written = sample(modules[0], PROMPT, length=240, seed=settings.seed)
    print(f"{specs[0].stem} goes on from {PROMPT.decode()!r}:", file=stream)
    print((PROMPT + written).decode("utf-8", "replace"), file=stream)
    beaten = [row.name for row in rows[len(grams) :] if row.bits >= grams["bigram"]]
    for name in beaten:
        print(f"error: {name} does not beat the bigram", file=stream)
    return 1 if beaten else 0


def render(rows: Sequence[Row], settings: Settings) -> str:
    """The table as text, one row per model."""
    time = settings.time
    header = (
        "model",
        "bits per byte",
        "parameters",
        f"state at {time:,}",
        f"at {4 * time:,}",
        "tokens/s",
    )
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


def _train(
    module: nn.Module,
    spec: Path,
    text: str,
    corpus: data.Corpus,
    settings: Settings,
    out: Path,
    fresh: bool,
) -> Result:
    folder = out / spec.stem
    resume = None
    if not fresh and checkpoint.exists(folder):
        stored = checkpoint.load(folder)
        resume = folder if stored.settings == settings and stored.meta["spec"] == text else None
    progress = choose()
    done = f", resumed from {resume}" if resume else ""
    progress.note(f"\n{spec.stem}: {evaluate.parameter_count(module):,} parameters{done}")
    return train(
        module,
        corpus,
        steps=settings.steps,
        batch=settings.batch,
        time=settings.time,
        lr=settings.lr,
        seed=settings.seed,
        out=folder,
        resume=resume,
        meta={
            "spec": text,
            "model": None,
            "sizes": {"vocab": data.VOCABULARY},
            "seed": settings.seed,
        },
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


def _read(spec: Path) -> str:
    try:
        return spec.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"cannot read {spec}: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asiarch.train.demo",
        description="Train the models of several specs alike and compare them.",
    )
    parser.add_argument("specs", nargs="+", type=Path, metavar="FILE.asi")
    parser.add_argument("--data", type=Path, help="a text file or folder (default: Python's own)")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=8, help="rows per step")
    parser.add_argument("--time", type=int, default=256, help="bytes per row")
    parser.add_argument("--lr", type=float, default=8e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="for checkpoints")
    return parser


if __name__ == "__main__":
    sys.exit(main())
