"""Equal capacity: the channel mixer's hidden width that brings a network to a number of parameters.

Where no width does, the mixer's own sizes K or V are tried. What cannot be matched is refused: it
is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from asiarch.analysis.report import OpReport, check
from asiarch.ir.size import Size
from asiarch.language.parser import parse
from asiarch.train.tasks.host import Hosted, HostError, network

TOLERANCE = 0.02
NARROWEST = 16
"""Hidden width below which a channel mixer is none any more: a quarter of the stream's."""
OWN_SIZES = ("K", "V")


class Unmatched(HostError):
    """No width brings the network within the tolerance of the budget."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the analyses say of a network. `errors`: messages with their codes, none if it is right.

    parameters: as a polynomial in F, those of a decoder included. work: of a forward pass over T.
    """

    errors: tuple[tuple[str, str], ...]
    causal: bool
    parameters: Size
    work: Size


@lru_cache(maxsize=64)
def checked(hosted: Hosted) -> Checked:
    """Raises `HostError`."""
    made = network(hosted)
    report = check(made.text)
    errors = tuple((d.code, d.message) for d in report.diagnostics if d.severity == "error")
    ops = [report.ops[n] for n in (made.model, made.decoder) if n is not None and n in report.ops]
    sizes = {
        "D": hosted.width, "L": hosted.layers, "vocab": hosted.vocabulary, "two": 2,
        "half": hosted.width // 2,
    }  # fmt: skip
    parameters, work = (_total(ops, which, sizes) for which in ("params", "work"))
    return Checked(errors, all(op.causal for op in ops), parameters, work)


def parameter_count(hosted: Hosted) -> int:
    """Of the network and its decoder."""
    return _at(checked(hosted).parameters, hosted.hidden)


def matched(hosted: Hosted, budget: int) -> Hosted:
    """The same within 2 % of `budget` parameters. Raises `Unmatched` with the nearest miss."""
    best = _by_width(hosted, budget)
    if _near(best, budget):
        return best
    for other in _with_own_sizes(best, budget):
        solved = _by_width(other, budget)
        if _near(solved, budget):
            return solved
        best = min(best, solved, key=lambda h: abs(parameter_count(h) - budget))
    raise Unmatched(
        f"`{hosted.mixer}` cannot be brought within {TOLERANCE:.0%} of {budget:,} parameters: the "
        f"nearest network has {parameter_count(best):,}, at hidden width {best.hidden}"
    )


def _by_width(hosted: Hosted, budget: int) -> Hosted:
    parameters = checked(hosted).parameters
    fixed = _at(parameters, 0)
    each = _at(parameters, 1) - fixed
    if each <= 0:
        raise Unmatched(f"the network of `{hosted.mixer}` has no width that takes parameters")
    return hosted.with_hidden(max(NARROWEST, round((budget - fixed) / each)))


def _with_own_sizes(hosted: Hosted, budget: int) -> Iterator[Hosted]:
    """Halves, then smaller shares, of K, then of V: a mixer too large is made smaller."""
    if parameter_count(hosted) <= budget:
        return
    for name in OWN_SIZES:
        whole = _own_size(hosted, name)
        for size in range(whole // 2, 0, -max(1, whole // 8)) if whole else ():
            yield hosted.with_size(name, size)


def _own_size(hosted: Hosted, name: str) -> int | None:
    """The size that the mixer's axis `name` has in this network."""
    header = next(
        d.header for d in parse(hosted.text).program.definitions if d.name.id == hosted.mixer
    )
    if name not in [h.name.id for h in header]:
        return None
    if name in dict(hosted.sizes):
        return dict(hosted.sizes)[name]
    made = check(hosted.text).ops[hosted.mixer]
    known = {header[0].name.id: hosted.width, **dict(hosted.sizes)}
    size = made.facts.function.axes.get(name)
    defaults = made.facts.function.defaults
    if size is None:
        return None
    for _ in range(len(defaults) + 1):
        size = size.substitute(defaults)
    return int(size.substitute({k: Size.of(v) for k, v in known.items()}).integer or 0) or None


def _total(ops: list[OpReport], which: str, sizes: dict[str, int]) -> Size:
    found = Size.of(0)
    for op in ops:
        found += getattr(op, which).substitute({k: Size.of(v) for k, v in sizes.items()})
    return found


def _at(polynomial: Size, hidden: int) -> int:
    return int(polynomial.evaluate({"F": hidden}))


def _near(hosted: Hosted, budget: int) -> bool:
    return abs(parameter_count(hosted) - budget) <= TOLERANCE * budget
