"""Laws: what any sequence module must obey, and the exact ring in which equality is decided.

`check(module)` tries them all on any torch module. A law is a function of a `Subject` that gives a
`Verdict`; all tolerances are in `tolerances`.
"""

from asiarch.laws.causality import gradient, length, prefix
from asiarch.laws.equality import parallel_equals_recurrent
from asiarch.laws.form import Axes, Form, NoInputs, NotASequence
from asiarch.laws.inputs import example_inputs
from asiarch.laws.report import audit, check
from asiarch.laws.resources import CountOperators, memory, no_loop, saved_bytes
from asiarch.laws.ringmode import RingError, RingMode
from asiarch.laws.rows import batch, packing, stepping, streaming
from asiarch.laws.subject import Subject
from asiarch.laws.verdict import Report, Verdict, Witness

__all__ = [
    "Axes",
    "CountOperators",
    "Form",
    "NoInputs",
    "NotASequence",
    "Report",
    "RingError",
    "RingMode",
    "Subject",
    "Verdict",
    "Witness",
    "audit",
    "batch",
    "check",
    "example_inputs",
    "gradient",
    "length",
    "memory",
    "no_loop",
    "packing",
    "parallel_equals_recurrent",
    "prefix",
    "saved_bytes",
    "stepping",
    "streaming",
]
