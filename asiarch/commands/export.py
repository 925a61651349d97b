"""Write a language model as a folder for another library.

--hf: a folder that `AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True)` reads,
with the emitted module, the weights and a byte tokenizer. It needs transformers and torch, nothing
else. A run gives its trained weights, a program its initial ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.files import STDIN, SUFFIX, read
from asiarch.commands.support.numbers import seed
from asiarch.commands.support.sizes import add_sizes, check_sizes, choose
from asiarch.commands.support.stored import trained

SUMMARY = "write a model as a Hugging Face folder"
BYTES = 256


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="RUN_OR_FILE", help="the folder of a training run, or a program"
    )
    parser.add_argument(
        "--hf", type=Path, metavar="FOLDER", required=True, help="where the folder is made"
    )
    parser.add_argument("--model", metavar="NAME", help="of a program that has several models")
    add_sizes(parser)
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="of the initial weights of a program (0)"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        from asiarch.export.huggingface import ExportError, save
        from asiarch.train import TrainError
    except ImportError as error:
        raise CommandError(f"exporting needs {error.name}: pip install 'asiarch[torch]'") from None
    try:
        module = _module(arguments)
        save(module, arguments.hf)
    except (ExportError, OSError) as error:
        raise CommandError(str(error)) from None
    except (TrainError, ValueError) as error:
        raise CommandError(str(error), PROGRAM) from None
    print(f"{module.spec['op']}: {arguments.hf}")
    return 0


def _module(arguments: argparse.Namespace) -> Any:
    source: str = arguments.source
    if source == STDIN or source.endswith(SUFFIX):
        return _initial(arguments)
    given = {"--model": arguments.model, "-D": arguments.sizes, "--seed": arguments.seed}
    extra = [flag for flag, value in given.items() if value]
    if extra:
        raise CommandError(f"{' and '.join(extra)}: a run has its own; give a program for others")
    return trained(Path(source))


def _initial(arguments: argparse.Namespace) -> Any:
    """The model of a program, with its initial weights."""
    from asiarch import interface

    given = read(arguments.source)
    program = interface.parse(given.text, given.name)
    definition = choose(program, given.name, arguments.model, "--model", "model")
    sizes = dict(arguments.sizes)
    if any(h.name.id == "vocab" for h in definition.header):
        sizes.setdefault("vocab", BYTES)
    check_sizes(definition, sizes)
    try:
        return interface.compile(
            given.text,
            definition.name.id,
            sizes,
            seed=arguments.seed or 0,
            filename=given.name,
        )
    except interface.BackendError as error:
        raise CommandError(str(error), PROGRAM) from None
