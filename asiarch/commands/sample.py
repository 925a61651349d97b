"""Let a trained model go on from a prompt, byte by byte, with its state carried along."""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Iterable
from pathlib import Path

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.numbers import seed
from asiarch.commands.support.stored import trained
from asiarch.commands.support.terminal import harmless

SUMMARY = "let a trained model write"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", type=Path, metavar="CKPT", help="the folder of a training run"
    )
    parser.add_argument("--prompt", default="\n", help="what it goes on from (a new line)")
    parser.add_argument("--tokens", type=int, default=400, metavar="N", help="bytes to write (400)")
    parser.add_argument(
        "--temperature", type=float, default=0.8, help="0 takes the likeliest (0.8)"
    )
    parser.add_argument("--top-p", type=float, default=0.95, help="leaves out the unlikely (0.95)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of what is drawn (0)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.tokens < 0:
        raise CommandError(f"--tokens must be at least 0, not {arguments.tokens}")
    try:
        from asiarch.train import TrainError
        from asiarch.train.sample import stream
    except ImportError as error:
        raise CommandError(f"sampling needs {error.name}: pip install 'asiarch[torch]'") from None
    try:
        module = trained(arguments.checkpoint)
        prompt = arguments.prompt.encode("utf-8", "surrogateescape")
        drawn = stream(
            module,
            prompt,
            length=arguments.tokens,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            seed=arguments.seed,
        )
        _write(prompt, drawn)
    except (TrainError, ValueError) as error:
        raise CommandError(str(error), PROGRAM) from None
    return 0


def _write(prompt: bytes, drawn: Iterable[int]) -> None:
    """Bytes as they come; what is no text shows as a replacement sign."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    sys.stdout.write(harmless(decoder.decode(prompt)))
    for byte in drawn:
        sys.stdout.write(harmless(decoder.decode(bytes([byte]))))
        sys.stdout.flush()
    sys.stdout.write(harmless(decoder.decode(b"", final=True)) + "\n")
