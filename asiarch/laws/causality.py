"""The laws of causality: prefix, length, gradient. An output depends on no later token.

ahead: of a module that claims `lookahead(k)`, k: an output depends on no token beyond the k next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from asiarch.laws import culprit, embedded
from asiarch.laws.form import Streams
from asiarch.laws.overflow import swallowed
from asiarch.laws.rounding import Wide, is_rounding, largest, lowest, magnitude
from asiarch.laws.streams import MAGNITUDES, cuts
from asiarch.laws.subject import Subject, double
from asiarch.laws.tolerances import ROW_FLOOR, compare
from asiarch.laws.verdict import Verdict, Witness, fails, holds, not_applicable


def prefix(
    subject: Subject,
    streams: Streams,
    generator: torch.Generator,
    chunk: int | None = None,
    wide: Wide | None = None,
    ahead: int = 0,
) -> Verdict:
    """Changing tokens >= p + ahead, to values of several magnitudes, leaves outputs < p
    bit-identical.

    A magnitude at which the changed tokens overflow, in their own outputs or unseen on the way, is
    left out: a masked 0 * inf is NaN in correct code too. wide: the module in float64; what
    differs by rounding alone then holds.
    """
    time = streams[0].shape[1]
    places = cuts(time - ahead, chunk)
    if not places:
        return _nothing_later("prefix", time, ahead)
    before, used, rounded = subject.outputs(streams), set[float](), 0.0
    for p in places:
        for size in _magnitudes(streams):
            changed = _change(
                subject, streams, range(len(streams)), slice(p + ahead, None), size, generator
            )
            after = subject.outputs(changed)
            if _overflowed(before, after):
                continue
            leak = _Leak(subject, streams, changed, p, before, after, wide, ahead)
            if leak.real:
                if swallowed(subject, streams, changed):
                    continue
                return fails("prefix", _explain(leak, generator))
            used.add(size)
            rounded = max(rounded, leak.gap)
    if not used:
        return not_applicable("prefix", "every replacement overflows")
    sizes = "" if used == {0.0} else f", replacements of size {tuple(sorted(used))}"
    equal = "equal in every bit" if not rounded else f"equal but for rounding ({rounded:.2g})"
    return holds("prefix", f"cuts {places}{sizes}: {equal}")


def _nothing_later(law: str, time: int, ahead: int) -> Verdict:
    beyond = f" beyond the {ahead} next" if ahead else ""
    return not_applicable(law, f"a sequence of {time} has no later token{beyond}")


def _magnitudes(streams: Streams) -> tuple[float, ...]:
    """Ids have none: they are drawn anew once."""
    return MAGNITUDES if any(x.is_floating_point() for x in streams) else (0.0,)


class _Leak:
    """What a change of tokens >= p + ahead did to outputs < p.

    seen: (token, row, difference) or None.
    """

    def __init__(
        self,
        subject: Subject,
        streams: Streams,
        changed: Streams,
        p: int,
        before: Streams,
        after: Streams,
        wide: Wide | None,
        ahead: int = 0,
    ) -> None:
        self.subject, self.streams, self.changed, self.p = subject, streams, changed, p
        self.ahead = ahead
        self.before, self.wide = before, wide
        self.seen = _first_change(before, after, p)
        pairs = zip(before, after, strict=True)
        self.gap = max(largest(x[:, :p], y[:, :p]) for x, y in pairs) if self.seen else 0.0
        self.size = max(magnitude(before), magnitude(after))

    @property
    def real(self) -> bool:
        """Whether something changed, and by more than rounding."""
        if self.seen is None:
            return False
        if self.wide is None:
            return True
        wide_gap = self.wide.gap(self.streams, self.changed, self.p) if self.wide.exact else 0.0
        narrow = lowest(self.before)
        return not is_rounding(self.wide, narrow, self.gap, wide_gap, self.size)


def _overflowed(before: Streams, after: Streams) -> bool:
    """Did finite inputs of this size give outputs that are not finite, where others gave finite
    ones?
    """
    finite = all(bool(x.isfinite().all()) for x in before if x.is_floating_point())
    return finite and any(not bool(y.isfinite().all()) for y in after if y.is_floating_point())


def _change(
    subject: Subject,
    streams: Streams,
    which: Iterable[int],
    tokens: slice,
    magnitude: float,
    generator: torch.Generator,
) -> Streams:
    chosen = set(which)
    return tuple(
        subject.replaced(x, tokens, magnitude, generator) if i in chosen else x
        for i, x in enumerate(streams)
    )


def _first_change(before: Streams, after: Streams, end: int) -> tuple[int, int, float] | None:
    """(token, batch row, difference) of the first output < end that changed; -0 equals 0."""
    found: list[tuple[int, int, float]] = []
    for x, y in zip(before, after, strict=True):
        a, b = x[:, :end], y[:, :end]
        differs = ~((a == b) | (a.isnan() & b.isnan())) if a.is_floating_point() else a != b
        places = differs.flatten(2).any(2) if differs.dim() > 2 else differs
        if places.any():
            token = int(places.any(0).int().argmax())
            row = int(places[:, token].int().argmax())
            gap = (a[row, token].double() - b[row, token].double()).abs().max()
            found.append((token, row, float(gap)))
    return min(found) if found else None


def _explain(found: _Leak, generator: torch.Generator) -> Witness:
    """The smallest change that still leaks: one token of one stream, else the suffix."""
    subject, streams, before = found.subject, found.streams, found.before
    time, several, ahead = streams[0].shape[1], len(streams) > 1, found.ahead
    start = found.p + ahead
    for token in [*range(start, time), *range(1 + ahead, start)]:
        for which in [
            *([i] for i in range(len(streams))),
            *([list(range(len(streams)))] * several),
        ]:
            for size in _magnitudes(streams):
                tokens = slice(token, token + 1)
                one = _change(subject, streams, which, tokens, size, generator)
                after = subject.outputs(one)
                p = token - ahead
                leak = _Leak(subject, streams, one, p, before, after, found.wide, ahead)
                if leak.seen is None or _overflowed(before, after) or not leak.real:
                    continue
                if not swallowed(subject, streams, one):
                    names = subject.stream_names(len(streams))
                    named = f" of `{names[which[0]]}`" if len(which) < len(streams) else ""
                    named += f" to values of size {size:g}" if size > 1 else ""
                    return _witness(leak, f"changing token {token}{named}")
    return _witness(found, f"changing tokens {start} to {time - 1} together")


def _witness(leak: _Leak, change: str) -> Witness:
    assert leak.seen is not None
    token, row, difference = leak.seen
    text = f"{change} changed the output at token {token} (batch row {row}) by {difference:.3g}"
    place = culprit.find(leak.subject, leak.streams, leak.changed, leak.p)
    where = None if place is None else str(place)
    return Witness(text, leak.p + leak.ahead, token, row, difference, where)


def length(
    subject: Subject,
    streams: Streams,
    tolerance: float,
    chunk: int | None = None,
    stranger: bool = False,
    ahead: int = 0,
) -> Verdict:
    """f(x)[:p] = f(x[: p + ahead])[:p]: an output does not depend on how much follows.

    stranger: lengths at which the module raises are left out, and a token is held to its batch
    row's digits, not to its own.
    """
    time = streams[0].shape[1]
    places = cuts(time - ahead, chunk)
    if not places:
        return not_applicable("length", f"a sequence of {time} has no shorter prefix")
    whole, worst, refused = subject.outputs(streams), 0.0, dict[int, str]()
    for p in places:
        try:
            part = subject.outputs([x[:, : p + ahead] for x in streams])
        except Exception as error:  # whatever a module raises at a length that it does not take
            if not stranger:
                raise
            refused[p] = f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}"
            continue
        for x, y in zip(part, whole, strict=True):
            if stranger and x[:, :p].shape != y[:, :p].shape:
                continue
            error = compare(x[:, :p], y[:, :p], tolerance, 1.0 if stranger else ROW_FLOOR)
            worst = max(worst, error.ratio)
            if error.ratio > 1:
                text = (
                    f"without the tokens from {p + ahead} on, the output at token {error.token} "
                    f"(batch row {error.row}) differs by {error.difference:.3g}"
                )
                witness = Witness(text, p, error.token, error.row, error.difference)
                return fails("length", witness, ratio=error.ratio)
    if len(refused) == len(places):
        return not_applicable(
            "length", f"the module takes {time} tokens only: {refused[places[0]]}"
        )
    alone = tuple(p for p in places if p not in refused)
    left = f"; it refuses {tuple(refused)}" if refused else ""
    return holds("length", f"prefixes {alone} alone equal those of the whole{left}", worst)


def gradient(
    subject: Subject,
    streams: Streams,
    generator: torch.Generator,
    chunk: int | None = None,
    wide: Wide | None = None,
    ahead: int = 0,
) -> Verdict:
    """Outputs <= t send exactly zero gradient to inputs > t + ahead; wide: as in `prefix`.

    Token ids have none: there the embedded tokens are the inputs.
    """
    time = streams[0].shape[1]
    places = cuts(time - ahead, chunk)
    if not places:
        return _nothing_later("gradient", time, ahead)
    leaves, outputs = _recorded(subject, streams)
    if not any(x.requires_grad for x in leaves):
        return not_applicable("gradient", "the inputs are integers, and no embedding takes them")
    if not outputs:
        return not_applicable("gradient", "no output is differentiable")
    exact = _recorded(wide.subject, double(streams)) if wide is not None and wide.exact else None
    rounded, blind = 0.0, False
    for p in places:
        cotangents = [torch.randn(y[:, :p].shape, generator=generator) for y in outputs]
        sent = _sent(leaves, outputs, p, cotangents)
        finite = tuple(torch.nan_to_num(g, nan=0.0, posinf=0.0, neginf=0.0) for g in sent)
        blind = blind or not all(torch.equal(g, f) for g, f in zip(sent, finite, strict=True))
        sent = finite
        found = _future_gradient(sent, p, ahead)
        if found is None:
            continue
        wider = _sent(*exact, p, cotangents) if exact is not None else ()
        gaps = [_largest_after(grads, p + ahead) for grads in (sent, wider)]
        if not is_rounding(wide, lowest(sent), gaps[0], gaps[1], magnitude(sent)):
            return fails("gradient", found)
        rounded = max(rounded, gaps[0])
    if blind:
        return not_applicable("gradient", "gradients are not finite")
    zero = "exactly zero" if not rounded else f"zero but for rounding ({rounded:.2g})"
    return holds("gradient", f"from outputs before {places}: {zero} to later tokens")


def _recorded(subject: Subject, streams: Streams) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs that record, and the outputs that can be differentiated."""
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in streams]
    with embedded.recording(subject, leaves) as tokens:
        outputs = subject.differentiable(leaves)
    return [*leaves, *tokens], [x for x in outputs if x.requires_grad]


def _sent(
    leaves: Sequence[Tensor], outputs: Sequence[Tensor], p: int, cotangents: Sequence[Tensor]
) -> Streams:
    """Gradients that outputs < p send to the streams."""
    wanted = [x for x in leaves if x.requires_grad]
    pairs = zip(outputs, cotangents, strict=True)
    total = torch.stack([(y[:, :p] * c.to(y.dtype)).sum() for y, c in pairs]).sum()
    return torch.autograd.grad(
        total, wanted, retain_graph=True, allow_unused=True, materialize_grads=True
    )


def _largest_after(grads: Streams, p: int) -> float:
    return max((largest(g[:, p:], torch.zeros_like(g[:, p:])) for g in grads), default=0.0)


def _future_gradient(grads: Streams, p: int, ahead: int) -> Witness | None:
    start = p + ahead
    for grad in grads:
        later = grad[:, start:].detach().abs()
        size = later.flatten(2).amax(2) if grad.dim() > 2 else later
        if (size != 0).any():
            token = int((size != 0).any(0).int().argmax())
            row = int((size[:, token] != 0).int().argmax())
            sent = float(size[row, token])
            text = (
                f"outputs up to token {p - 1} send gradient {sent:.3g} to token {start + token} "
                f"(batch row {row})"
            )
            return Witness(text, start + token, p - 1, row, sent)
    return None
