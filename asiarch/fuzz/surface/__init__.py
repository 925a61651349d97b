"""The meaning of a text, straight from its syntax tree: no graph, no typing pass, no plan.

`run(program, op, sizes, parameters, streams)` is a second opinion of what the reference computes.
Every name is a function of the token, every loop is written out, every call is a use of its own.
It is slow, and shares with the compiler the parser and nothing else.
"""

from asiarch.fuzz.surface.run import Outcome, run

__all__ = ["Outcome", "run"]
