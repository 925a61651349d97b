"""States of every class: the decay, the erase terms, the writes and the reads are drawn apart.

S = a * S[t-1] - b * k * (k @ (a * S[t-1])) + k * v       and its kin, in several spellings
"""

from __future__ import annotations

from asiarch.fuzz.draw import Draw
from asiarch.fuzz.term import Term, at, contracted, number, product, reduced, total

Axes = tuple[str, ...]

KINDS = {
    "matrix": 4.0,
    "vector": 2.0,
    "momentum": 0.8,
    "nonlinear": 1.0,
    "coupled": 0.6,
    "chain": 0.5,
    "feedback": 0.4,
}
DECAYS = {"none": 1.4, "number": 0.4, "scalar": 1.0, "diagonal": 2.2, "elementwise": 0.6}
ERASES = {"none": 2.0, "delta": 1.5, "free": 0.7, "two": 1.8}


def draw_state(d: Draw) -> None:
    """Equations of one recurrence, and reads of it in scope."""
    kinds = {k: v for k, v in KINDS.items() if k != "matrix" or len(d.sizes) >= 2}
    match d.weighted(list(kinds), kinds):
        case "matrix":
            _matrix(d)
        case "vector":
            _vector(d)
        case "momentum":
            _momentum(d)
        case "nonlinear":
            _nonlinear(d)
        case "coupled":
            _coupled(d)
        case "feedback":
            _feedback(d)
        case _:
            _chain(d)


def gate(d: Draw, axes: Axes) -> Term:
    """A decay: mostly in (0, 1], sometimes negative, sometimes zero."""
    x = d.expr(axes, 1)
    forms = [
        "sigmoid({})", "exp(-softplus({}))", "1 - sigmoid({})", "sigmoid({}) ^ (1 / 8)",
        "exp(-abs({}))", "tanh({})", "min(relu({}), 1)", "select(t % 4 == 3, 0, sigmoid({}))",
    ]  # fmt: skip
    at_ = min(d.between(0, len(forms) + 3), len(forms) - 1) if d.chance(0.4) else d.between(0, 2)
    text = forms[at_].format(x.text)
    seq = x.seq or "t %" in text
    return Term(text, x.axes, seq, x.open, atom=not text.startswith("1 -") and "^" not in text)


def _state(d: Draw, axes: Axes, stem: str = "S") -> str:
    name = d.fresh(stem)
    start = ""
    if d.chance(0.2):
        start = " = " + d.some(["1", "0.5", *[d.param(d.subset(axes)).text] * 2])
    d.write(f"state {name}[{', '.join(axes)}]{start}")
    d.states.append(Term(name, axes, named=True))
    return name


def _old(name: str, axes: Axes, steps: int = 1) -> Term:
    return Term(f"{name}[t-{steps}]", axes, True)


def _key(d: Draw, axes: Axes, key: str) -> Term:
    """A unit vector along the key axis, as a name."""
    x = d.expr(axes, 1, seq=True)
    return d.bind(Term(f"l2norm[{key}]({x.text})", x.axes, True, x.open), "k")


def _sum(parts: list[str]) -> str:
    return " + ".join(parts).replace("+ -", "- ")


def _matrix(d: Draw) -> None:
    axes = list(d.sizes)
    key = d.some([a for a in axes if a != "D"] or axes)
    value = d.some([a for a in axes if a != key])
    heads = tuple(a for a in axes if a not in (key, value, "D") and d.chance(0.5))[:1]
    full = (*heads, key, value)
    k = _key(d, (*heads, key), key)
    v = d.bind(d.expr((*heads, value), 1, seq=True))
    decay = _decay(d, heads, key, value)
    name = _state(d, full)
    old = _old(name, full)
    carried = old if decay is None else _decayed(d, decay, old)
    write = product(k, v)
    erase = d.weighted(list(ERASES), ERASES)
    if erase == "delta":
        rate = d.bind(Term(f"sigmoid({d.expr(heads, 1, seq=True).text})", heads), "b")
        _delta(d, name, key, rate, k, v, old, carried)
    else:
        parts = [carried.text, write.text]
        if erase == "free":
            parts.append(_free(d, heads, key, old if d.chance(0.5) else carried))
        if erase == "two":
            parts.append(_free(d, heads, key, carried))
            parts.append(_free(d, heads, key, carried))
        _equations(d, name, parts)
    _reads(d, name, full, heads, key, carried)


def _decay(d: Draw, heads: Axes, key: str, value: str) -> Term | None:
    match d.weighted(list(DECAYS), DECAYS):
        case "none":
            return None
        case "number":
            return number(d.some(["0.9", "0.5", "-0.7", "0"]))
        case "scalar":
            axes = heads
        case "diagonal":
            axes = (*heads, key)
        case _:
            axes = (*heads, value) if d.chance(0.5) else (*heads, key, value)
    return d.bind(gate(d, axes), "a") if d.chance(0.7) else gate(d, axes)


def _decayed(d: Draw, decay: Term, old: Term) -> Term:
    if d.chance(0.15):
        return Term(
            f"{decay.tight} * {old.text} / {d.some(['2', '4'])}", old.axes, True, atom=False
        )
    if d.chance(0.3):
        return Term(f"{old.text} * {decay.tight}", old.axes, True, atom=False)
    return Term(f"{decay.tight} * {old.text}", old.axes, True, atom=False)


def _delta(
    d: Draw, name: str, key: str, rate: Term, k: Term, v: Term, old: Term, carried: Term
) -> None:
    read = contracted(k, old if d.chance(0.3) else carried, (key,))
    form = d.between(0, 2)
    if form == 0:
        d.write(f"{name} = {carried.text} + {rate.text} * {k.text} * ({v.text} - {read.text})")
    elif form == 1:
        d.write(f"{name} = {carried.text} - {rate.text} * {k.text} * {read.text} "
                f"+ {rate.text} * {k.text} * {v.text}")  # fmt: skip
    else:
        d.write(f"{name} = {carried.text}")
        again = contracted(k, Term(name, old.axes), (key,))
        d.write(f"{name} = {name} + {rate.text} * {k.text} * ({v.text} - {again.text})")


def _free(d: Draw, heads: Axes, key: str, read: Term) -> str:
    """An erase term whose write vector is its read key or another."""
    w = _key(d, (*heads, key), key)
    u = w if d.chance(0.5) else _key(d, (*heads, key), key)
    factor = d.some(["0.5", "-0.5", "0.3"])
    return f"{factor} * {u.text} * {contracted(w, read, (key,)).text}"


def _equations(d: Draw, name: str, parts: list[str]) -> None:
    """One equation, or the first part and then the others."""
    if d.chance(0.25) and len(parts) > 1:
        d.write(f"{name} = {parts[0]}")
        d.write(f"{name} = {_sum([name, *parts[1:]])}")
    else:
        order = parts if d.chance(0.7) else parts[::-1]
        d.write(f"{name} = {_sum(order)}")


def _reads(d: Draw, name: str, full: Axes, heads: Axes, key: str, carried: Term) -> None:
    """Along keys, along values, whole, of the old state, and of what is affine in the state."""
    now, before = Term(name, full, named=True), _old(name, full)
    for _ in range(d.between(1, 2)):
        source = now if d.chance(0.7) else before
        if d.chance(0.12):
            source = _old(name, full, 2)
        match d.between(0, 8):
            case 6 | 7 | 8 as form:
                q = d.bind(d.expr((*heads, key), 1, seq=True), "q")
                if form == 6:  # the write once more, as a bonus has it
                    source = total(before, d.expr(full, 1, seq=True))
                elif form == 7:  # a factor of heads or of values
                    others = tuple(a for a in full if a != key)
                    source = product(d.expr(d.subset(others), 1, seq=True), source)
                else:
                    source = carried
                d.bind(contracted(q, source, (key,)), "o")
            case 0 | 1 | 2:
                q = d.bind(d.expr((*heads, key), 1, seq=True), "q")
                read = at(q, source) if q.last == key else contracted(q, source, (key,))
                d.bind(read, "o")
            case 3:
                d.bind(reduced(d.some(["sum", "mean"]), (key,), source), "o")
            case 4:
                other = tuple(a for a in full if a != key)
                q = d.bind(d.expr(other, 1, seq=True), "q")
                d.bind(contracted(q, source, other[-1:]), "o")
            case _:
                d.bind(source if source is not now else Term(f"1 * {name}", full, atom=False), "o")


def _vector(d: Draw) -> None:
    axes = tuple(a for a in d.sizes if a != "D" and d.chance(0.5))[:2] or (d.some(list(d.sizes)),)
    x = d.expr(axes, 1, seq=True)
    a = gate(d, d.subset(axes) if d.chance(0.5) else axes)
    name = _state(d, axes, "m")
    old = _old(name, axes)
    form = d.between(0, 3)
    carried = product(a, old).text
    if form == 0:
        d.write(f"{name} = {old.text} + {x.tight}")
    elif form == 1 and set(a.axes) == set(axes):
        bound = d.bind(a, "a")
        d.write(f"{name} = {bound.text} * {old.text} + (1 - {bound.text}) * {x.tight}")
    else:
        _equations(d, name, [carried, x.tight])
    read = Term(name, axes, named=True)
    d.bind(Term(f"tanh({read.text})", axes) if d.chance(0.5) else old, "o")
    d.scope.append(read)


def _momentum(d: Draw) -> None:
    """A velocity that a state adds up: affine in both."""
    axes = tuple(d.sizes)[1:3] or tuple(d.sizes)
    x = d.expr(axes, 1, seq=True)
    some = d.subset(axes)
    a, b = d.bind(gate(d, some), "a"), d.bind(gate(d, some), "a")
    first, second = _state(d, axes, "M"), _state(d, axes, "S")
    d.write(f"{first} = {product(a, _old(first, axes)).text} + {x.tight}")
    now = first if d.chance(0.7) else f"{first}[t-1]"
    d.write(f"{second} = {product(b, _old(second, axes)).text} + {now}")
    if d.chance(0.4):
        d.write(f"{first} = {first} - 0.1 * {second}[t-1]")
    d.bind(Term(f"0.1 * {second}", axes, atom=False), "o")


def _nonlinear(d: Draw) -> None:
    axes = tuple(a for a in d.sizes if d.chance(0.4))[:2] or (d.some(list(d.sizes)),)
    x = d.expr(axes, 1, seq=True)
    name = _state(d, axes, "h")
    inner = axes[-1]
    each = f", each {', '.join(axes[:-1])}" if axes[:-1] and d.chance(0.5) else ""
    mixed = f"linear[{inner} -> {inner}{each}]({name}[t-1])" if d.chance(0.6) else f"{name}[t-1]"
    form = d.some(["tanh({0} + {1})", "0.5 * {2} + relu({0} - {1})", "max({0}, {1})",
                   "sigmoid({1}) * tanh({0}) + 0.2 * {2}"])  # fmt: skip
    step = form.format(mixed, x.tight, f"{name}[t-1]")
    if d.chance(0.3):  # an earlier value of what stands on the cycle and is no state
        half = d.fresh("u")
        d.write(f"{half} = {step}")
        step = f"{half} + 0.3 * sin({half}[t-{d.between(1, 3)}])"
    d.write(f"{name} = {step}")
    d.scope.append(Term(name, axes, named=True))


def _coupled(d: Draw) -> None:
    """A stabiliser, a sum and a normaliser, as xLSTM has them."""
    axes = tuple(d.sizes)[1:2] or tuple(d.sizes)
    i, f = d.stream(axes, 1), d.bind(Term(f"logsigmoid({d.expr(axes, 1, seq=True).text})", axes))
    m, c = _state(d, axes, "m"), _state(d, axes, "c")
    d.write(f"{m} = max({f.text} + {m}[t-1], {i.text})")
    d.write(f"{c} = exp({f.text} + {m}[t-1] - {m}) * {c}[t-1] + exp({i.text} - {m})")
    d.bind(Term(f"{c} / max(abs({c}), 0.5)", axes, atom=False), "o")


def _feedback(d: Draw) -> None:
    """A state that attends to what it was at earlier tokens."""
    axes = (d.some(list(d.sizes)),)
    x, q = d.stream(axes, 1), d.stream(axes, 1)
    name = _state(d, axes, "h")
    read = d.fresh("r")
    condition = d.some(["j < t", "t - 4 < j < t", "j < t - 1"])
    weight = d.some(["", "weight: sigmoid  "])
    d.write(f"{read} = attend j where {condition} {{ {weight}"
            f"score: {q.text}[t] @ {name}[j]  value: {name}[j] }}")  # fmt: skip
    d.write(f"{name} = tanh({x.text} + 0.5 * {read})")
    d.scope.append(Term(name, axes, named=True))


def _chain(d: Draw) -> None:
    """A state that enters another one."""
    axes = (d.some(list(d.sizes)),)
    x = d.expr(axes, 1, seq=True)
    first, second = _state(d, axes, "s"), _state(d, axes, "s")
    a = gate(d, d.subset(axes))
    d.write(f"{first} = {product(a, _old(second, axes, d.between(1, 2))).text} + {x.tight}")
    d.write(f"{second} = {first if d.chance(0.5) else f'tanh({first})'}")
    d.scope.append(Term(second, axes, named=True))
