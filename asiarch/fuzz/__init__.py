"""Programs drawn at random, typed and causal by construction, and what is checked of them."""

from asiarch.fuzz.generate import draw
from asiarch.fuzz.policy import CAUSAL, NON_CAUSAL, POLICIES, WILD, Policy
from asiarch.fuzz.program import Program, read

__all__ = ["CAUSAL", "NON_CAUSAL", "POLICIES", "WILD", "Policy", "Program", "draw", "read"]
