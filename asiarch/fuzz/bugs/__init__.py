"""Planted bugs, by the part of the compiler that they are in: what a fuzzer must find."""

from __future__ import annotations

from asiarch.fuzz.bug import Bug
from asiarch.fuzz.bugs.facts import FACTS
from asiarch.fuzz.bugs.front import FRONT
from asiarch.fuzz.bugs.kernels import KERNELS
from asiarch.fuzz.bugs.normal_form import NORMAL_FORM
from asiarch.fuzz.bugs.printing import PRINTING

BUGS: tuple[Bug, ...] = (*FACTS, *FRONT, *NORMAL_FORM, *PRINTING, *KERNELS)
