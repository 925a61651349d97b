"""Train a model on real text, byte by byte, and measure it on files that it has not seen.

The ledger comes first. The text is Python's own source code unless --data names another. With
--out, checkpoints are written there; Ctrl-C ends the run after the step under way, and --resume
goes on from it.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.files import Input, read
from asiarch.commands.support.libraries import check_device
from asiarch.commands.support.numbers import seed
from asiarch.commands.support.sizes import add_sizes, check_sizes, choose
from asiarch.commands.support.terminal import harmless, print_diagnostics
from asiarch.commands.support.verdicts import ledger_lines, verdict_lines

if TYPE_CHECKING:
    from asiarch.train import Checkpoint, Result

SUMMARY = "train a model on real text"
BYTES = 256
RECORD = "checkpoint.json"
"""Of a run that is there (`asiarch.train.checkpoint`, which needs torch)."""
DEFAULTS = {"steps": 1000, "batch": 8, "time": 256, "lr": 5e-3, "seed": 0, "compiled": False}
PROMPT = b"def "
SAMPLED = 240


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--model", metavar="NAME", help="not needed if the file has one model")
    add_sizes(parser)
    parser.add_argument("--data", type=Path, metavar="PATH", help="a text file or folder")
    for name, help, kind in (
        ("steps", "updates", int),
        ("batch", "rows per step", int),
        ("time", "bytes per row", int),
        ("seed", "of weights and batches", seed),
    ):
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=f"{help} ({DEFAULTS[name]})")
    parser.add_argument("--lr", type=float, help=f"peak learning rate ({DEFAULTS['lr']:g})")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where checkpoints go")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="a checkpoint to go on from")
    parser.add_argument(
        "--compile", dest="compiled", action=argparse.BooleanOptionalAction, default=None,
        help="training steps through torch.compile: slow to begin, for long runs",
    )  # fmt: skip
    parser.add_argument("--device", default="cpu", help="of torch: cpu (the default), cuda, ...")


def run(arguments: argparse.Namespace) -> int:
    given = read(arguments.file)
    from asiarch.interface import parse

    definition = choose(
        parse(given.text, given.name), given.name, arguments.model, "--model", "model"
    )
    sizes = dict(arguments.sizes)
    if any(h.name.id == "vocab" for h in definition.header):
        sizes.setdefault("vocab", BYTES)
    check_sizes(definition, sizes)
    _check(arguments)
    if not _ledger(given, definition.name.id):
        return 1
    try:
        from asiarch.train import TrainError
    except ImportError as error:
        raise CommandError(f"training needs {error.name}: pip install 'asiarch[torch]'") from None
    check_device(arguments.device)
    try:
        return _train(arguments, given, definition.name.id, sizes)
    except (TrainError, ValueError) as error:
        raise CommandError(str(error), PROGRAM) from None


def _check(arguments: argparse.Namespace) -> None:
    """What would be found wrong after the text was read. Raises CommandError."""
    for name in ("steps", "batch", "time", "lr"):
        value = getattr(arguments, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise CommandError(f"{name} must be positive, not {value}", PROGRAM)
    out, resume = arguments.out, arguments.resume
    if out is None or (resume is not None and out.resolve() == resume.resolve()):
        return
    if (out / RECORD).exists():
        raise CommandError(
            f"the folder {out} holds a run: --resume {out} goes on with it, another --out begins "
            "anew; nothing is written over"
        )


def _ledger(given: Input, name: str) -> bool:
    """Prints what is proved of the model; False when its program is wrong."""
    from asiarch.analysis.report import check

    report = check(given.text, given.name)
    if not report.ok:
        print_diagnostics(report.diagnostics, report.source, sys.stderr, report.sources)
        return False
    chosen = {name: report.ops[name]}
    for line in (*verdict_lines(chosen), *ledger_lines(chosen, heading=False)):
        print(line)
    return True


def _train(arguments: argparse.Namespace, given: Input, name: str, sizes: dict[str, int]) -> int:
    from asiarch import train
    from asiarch.train.progress import choose as choose_progress

    stored = train.load_checkpoint(arguments.resume) if arguments.resume else None
    _tell_vocabulary(given, name, sizes)
    meta = _meta(given, name, sizes)
    if stored is not None:
        _same_program(stored, meta, arguments.resume)
    settings = _settings(arguments, stored)
    corpus = train.load_corpus(arguments.data)
    print(corpus.describe())
    module = _module(given, name, sizes, settings["seed"], arguments.device)
    result = train.train(
        module,
        corpus,
        **settings,
        out=arguments.out,
        resume=arguments.resume,
        meta=meta | {"seed": settings["seed"]},
        progress=choose_progress(),
    )
    _outcome(result)
    if result.interrupted:
        return 130
    text = train.sample(module, PROMPT, length=SAMPLED, seed=settings["seed"])
    shown = harmless((PROMPT + text).decode("utf-8", "replace"))
    print(f"\nit goes on from {PROMPT.decode()!r}:\n\n{shown}")
    return 0


def _tell_vocabulary(given: Input, name: str, sizes: dict[str, int]) -> None:
    """The program's own number is for text of its own; here a token is a byte."""
    from asiarch.interface import parse

    (model,) = (d for d in parse(given.text, given.name).definitions if d.name.id == name)
    own = next((h.default for h in model.header if h.name.id == "vocab"), None)
    number = getattr(own, "value", None)
    if number is not None and sizes["vocab"] == BYTES != number:
        print(f"vocab is {BYTES}, a byte each: the {number} of the program is not used")


def _settings(arguments: argparse.Namespace, stored: Checkpoint | None) -> dict[str, Any]:
    """What was asked for, else what the resumed run began with, else the defaults."""
    out: dict[str, Any] = {}
    for key, default in DEFAULTS.items():
        asked = getattr(arguments, key)
        before = default if stored is None else getattr(stored.settings, key)
        out[key] = before if asked is None else asked
    return out


def _meta(given: Input, name: str, sizes: dict[str, int]) -> dict[str, Any]:
    """What `sample` needs to make the model again, the files that the program uses included."""
    from asiarch.commands.support.bundle import bundle

    return {"spec": given.text, "model": name, "sizes": sizes, "files": bundle(given)}


def _same_program(stored: Checkpoint, meta: dict[str, Any], folder: Path) -> None:
    for key, what in (
        ("spec", "text"),
        ("files", "used files"),
        ("model", "model"),
        ("sizes", "sizes"),
    ):
        if key in stored.meta and stored.meta[key] != meta[key]:
            raise CommandError(
                f"the checkpoint {folder} was trained with other {what}; "
                "a run resumes with the program that it began with"
            )


def _module(given: Input, name: str, sizes: dict[str, int], seed: int, device: str) -> Any:
    from asiarch import interface

    try:
        return interface.compile(
            given.text, name, sizes, seed=seed, device=device, filename=given.name
        )
    except (interface.BackendError, RuntimeError) as error:
        raise CommandError(str(error), PROGRAM) from None


def _outcome(result: Result) -> None:
    print(
        f"step {result.step}: {result.held_out:.3f} bits per byte on the held-out files; "
        f"{result.parameters:,} parameters, {result.bytes_per_second:,.0f} bytes/s"
    )
    if result.checkpoint is not None:
        print(f"checkpoint: {result.checkpoint}")
