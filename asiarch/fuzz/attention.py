"""`attend` blocks: conditions, scores, values, weights, sinks."""

from __future__ import annotations

from asiarch.fuzz.draw import Draw
from asiarch.fuzz.term import Term

WEIGHTS = {"softmax": 3.0, "sigmoid": 0.8, "linear": 0.5, "relu2": 0.5, "none": 0.3,
           "stickbreaking": 0.5}  # fmt: skip
CONDITIONS = (
    "j <= t",
    "j < t",
    "t - 5 < j <= t",
    "j <= t and (t - j) % 2 == 0",
    "(j < 2 or t - 3 < j) and j <= t",
    "t - t % 4 <= j <= t",
    "t - 6 <= j < t - 1",
    "j <= t and t % 3 == j % 3",
    "j < t and not j == 2",
    "(t - 2 < j or t - 6 < j) and j <= t",
    "t - 2 < j <= t or t - 6 <= j < t - 2",
)
SEEING = ("j <= t + 1", "j >= t", "j == j", "j < 3")


def draw_attend(d: Draw) -> None:
    """An equation whose value is an attend; its name in scope."""
    axes = list(d.sizes)
    key = d.some(axes)
    heads = tuple(a for a in axes if a not in (key, "D") and d.chance(0.4))[:1]
    value_axes = tuple(a for a in axes if a not in heads and d.chance(0.4))[:1] or (key,)
    if d.chance(0.6):
        value_axes = (*heads, *value_axes)
    value = d.stream(value_axes, 1)
    weight = d.weighted(list(WEIGHTS), WEIGHTS)
    score, scored = _score(d, heads, key, weight)
    fields = [] if weight == "softmax" else [f"weight: {weight}"]
    fields += [f"score: {score}", f"value: {_value(d, value)}"]
    if weight == "softmax" and d.chance(0.25):
        fields.append(f"sink: {_sink(d, scored)}")
    if d.chance(0.15):
        fields.append(f"keep: top[{_keep(d, scored)}")
    seeing = d.policy.future and d.chance(d.policy.future * 2)
    condition = d.some(SEEING if seeing else CONDITIONS)
    result = (*(a for a in scored if a not in value.axes), *value.axes)
    name = d.fresh("o")
    d.write(f"{name} = attend j where {condition} {{ {'  '.join(fields)} }}")
    d.scope.append(Term(name, result, named=True))


def _score(d: Draw, heads: tuple[str, ...], key: str, weight: str) -> tuple[str, tuple[str, ...]]:
    """The score's text and axes."""
    if weight == "softmax" and d.chance(0.12):
        return d.some(["-0.5 * (t - j)", "0 * (t - j)"]), ()
    q, k = d.stream((*heads, key), 1), d.stream((*heads, key), 1)
    if q.last == key and d.chance(0.6):
        score = f"{q.text}[t] @ {k.text}[j]"
    else:
        score = f"dot[{key}]({q.text}[t], {k.text}[j])"
    form = d.between(0, 7)
    if form in (1, 2):
        score = f"{score} / sqrt({key})"
    elif form == 3:
        score = f"{score} - 0.3 * (t - j)"
    elif form == 4:
        score = f"4 * tanh(({score}) / 4)"
    elif form == 5:
        gate = d.bind(Term(f"cumsum[time](logsigmoid({d.expr(heads, 0, seq=True).text}))", heads))
        score = f"{score} + {gate.text}[t] - {gate.text}[j]"
    elif form == 6:
        bias = d.param(heads)
        score = f"{score} + {bias.text}"
    order = tuple(a for a in q.axes if a != key)
    return score, order


def _value(d: Draw, value: Term) -> str:
    if d.chance(0.15):
        other = d.stream(value.axes, 0)
        return d.some([f"tanh({value.text}[j] - {other.text}[t])",
                       f"{value.text}[j] * sigmoid({other.text}[t])"])  # fmt: skip
    return d.some([f"{value.text}[j]", f"tanh({value.text}[j])", f"0.5 * {value.text}[j]",
                   f"1 + abs({value.text}[j])"])  # fmt: skip


def _keep(d: Draw, scored: tuple[str, ...]) -> str:
    """What is behind `top[`: a number of tokens or of blocks, and what they are chosen by."""
    count = str(d.between(1, 3)) + (", block = 2" if d.chance(0.3) else "")
    near = [x for x in d.streams() if set(x.axes) <= set(scored) and not x.open]
    worth = f"{d.some(near).text}[j]" if near and d.chance(0.6) else "(3 * j) % 5"
    return f"{count}]({worth})"


def _sink(d: Draw, scored: tuple[str, ...]) -> str:
    return d.param(d.subset(scored)).text if d.chance(0.6) else "0"
