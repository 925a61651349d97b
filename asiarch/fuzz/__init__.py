"""Programs drawn at random, typed and causal by construction, and what is checked of them.

program = draw(random.Random(0))            one program; `.text`, `.op`, `.sizes`, `.chunk`
child = edit(program, random.Random(1))     a neighbour that checks as its parent did
@given(programs())                          in a test of hypothesis
"""

from asiarch.fuzz.edit import Change, NoEdit, change, edit
from asiarch.fuzz.generate import draw
from asiarch.fuzz.policy import CAUSAL, NON_CAUSAL, POLICIES, WILD, Policy
from asiarch.fuzz.program import Program, read
from asiarch.fuzz.strategy import programs

__all__ = [
    "CAUSAL",
    "NON_CAUSAL",
    "POLICIES",
    "WILD",
    "Change",
    "NoEdit",
    "Policy",
    "Program",
    "change",
    "draw",
    "edit",
    "programs",
    "read",
]
