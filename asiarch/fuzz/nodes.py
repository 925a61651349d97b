"""What is proved of every node of a flat graph beside what is measured there.

Laws that look at results alone miss a fact that is wrong inside and wide enough outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.ir.domains.grade import Grades
from asiarch.ir.domains.ranges import ranges
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame
from asiarch.ir.interval import Range

SLACK = 1e-9


def unsound_grade(read: Frame) -> str | None:
    """A node that reads a token outside of its grade, in a run of taint."""
    function, masks, time = read.function, read.values, read.domain.time
    grades = Grades().frame(function)[0].values
    for node in function.nodes():
        if node.is_leaf or node not in grades or node not in masks:
            continue
        for index, leaf in enumerate(function.inputs):
            low, high = _offsets(masks[node], index, time)
            reads = grades[node].of(leaf)
            if low <= high and (reads is None or low < reads.low or high > reads.high):
                return f"`{node.op}` reads input {index} at {low} to {high}, its grade is {reads}"
    return None


def _offsets(masks: list[Any], index: int, time: int) -> tuple[int, int]:
    """The first and the last offset of the tokens of an input that are read; (0, -1) for none."""
    low, high = time, -time
    for t, mask in enumerate(masks):
        mine = (mask or 0) >> (index * time) & ((1 << time) - 1)
        if mine:
            low = min(low, (mine & -mine).bit_length() - 1 - t)
            high = max(high, mine.bit_length() - 1 - t)
    return (low, high) if low < time else (0, -1)


def outside_ranges(function: Function, frame: Frame) -> str | None:
    """A node whose numbers in a run of the reference are not in its range."""
    proved = ranges(function).values
    for node in function.nodes():
        if node.op == "input" or node not in proved or node not in frame.values:
            continue
        said = beyond(proved[node], np.asarray(frame.values[node], float))
        if said is not None:
            return f"`{node.op}`: {said}"
    return None


def beyond(found: Range, array: Any) -> str | None:
    """A finite number of the array that is not in the range."""
    finite = np.asarray(array)[np.isfinite(array)]
    slack = SLACK * (1 + np.abs(finite))
    outside = (finite < found.low - slack) | (finite > found.high + slack)
    return f"{finite[outside][0]} is not in {found}" if outside.any() else None
