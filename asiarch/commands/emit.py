"""Write an operator or a model as a module file that imports its tensor library only."""

from __future__ import annotations

import argparse
import sys

from asiarch.commands.support.errors import PROGRAM, CommandError
from asiarch.commands.support.files import read, write
from asiarch.commands.support.sizes import add_sizes, check_sizes, choose

SUMMARY = "write an operator as readable source code"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--op", metavar="NAME", help="not needed if the file defines one thing")
    add_sizes(parser)
    parser.add_argument("--backend", default="torch", help="torch (the default) or jax")
    parser.add_argument(
        "--bare", action="store_true", help="torch, forward alone: no states, no packing"
    )
    parser.add_argument("--chunk", type=int, metavar="C", help="chunk length; chosen without it")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there, not to the terminal")


def run(arguments: argparse.Namespace) -> int:
    given = read(arguments.file)
    from asiarch import interface

    if arguments.chunk is not None and arguments.chunk < 1:
        raise CommandError(f"--chunk must be at least 1, not {arguments.chunk}")
    sizes = dict(arguments.sizes)
    definition = choose(interface.parse(given.text, given.name), given.name, arguments.op, "--op")
    check_sizes(definition, sizes)
    try:
        text = interface.emit(
            given.text,
            definition.name.id,
            sizes,
            arguments.backend,
            chunk=arguments.chunk,
            bare=arguments.bare,
            filename=given.name,
        )
    except interface.SizeError as error:
        raise CommandError(str(error)) from None
    except interface.BackendError as error:
        raise CommandError(str(error), PROGRAM) from None
    if arguments.output:
        write(arguments.output, text)
    else:
        sys.stdout.write(text)
    return 0
