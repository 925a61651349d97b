"""The rules of expressions that read other tokens: delays, windows, running reductions."""

from __future__ import annotations

from asiarch.fuzz.draw import Draw, rule
from asiarch.fuzz.term import Term, call, contracted, reduced, same

Axes = tuple[str, ...]


@rule("delay", 1.2)
def _delay(d: Draw, axes: Axes, depth: int) -> Term:
    x = d.expr(axes, depth, seq=True)
    base = x.text if x.named else x.tight
    if d.policy.future and d.chance(d.policy.future * 3):
        return same(x, f"{base}[t+{d.between(1, 2)}]")
    return same(x, f"{base}[t-{d.between(1, 3)}]")


@rule("conv", 0.8)
def _conv(d: Draw, axes: Axes, depth: int) -> Term:
    x = d.expr(axes, depth, seq=True)
    dilation = f", dilation = {d.between(2, 3)}" if d.chance(0.3) else ""
    text = f"conv[{d.between(1, 4)}{dilation}]"
    return same(x, f"{x.tight} |> {text}" if d.chance(0.3) else f"{text}({x.text})", atom=False)


@rule("window", 0.7)
def _window(d: Draw, axes: Axes, depth: int) -> Term:
    x = d.expr(axes, depth, seq=True)
    count = d.between(1, 3)
    axis = f"W{count}"
    dilation = f", dilation = {d.between(2, 3)}" if d.chance(0.2) else ""
    taken = call(f"window[{axis} = {count}{dilation}]({x.text})", (axis, *x.axes), True, x.open)
    if d.chance(0.4):
        taken = d.bind(taken, "u")
        weight = d.param((axis,))
        d.scope.remove(weight)  # its axis is none of the header
        d.scope.remove(taken)
        return contracted(weight, taken, (axis,))
    return reduced(d.some(["sum", "max", "mean", "min"]), (axis,), taken)


@rule("running", 0.8)
def _running(d: Draw, axes: Axes, depth: int) -> Term:
    x = d.expr(axes, depth, seq=True)
    if d.policy.future and d.chance(d.policy.future * 2):
        return same(x, f"softmax[time]({x.text})")
    forms = ["cummean[time]({})", "cumsum[time]({})", "cummax[time]({})"]
    if d.chance(0.1):  # the ring cannot compare it, so it is rare
        forms = ["logcumsumexp[time](tanh({}))"]
    form = d.some(forms)
    return same(x, form.format(x.text))
