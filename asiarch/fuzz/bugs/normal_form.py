"""Bugs in what turns an equation into a class: the affine domain, polynomials, reads, classes."""

from __future__ import annotations

from asiarch.fuzz.bug import Bug

NORMAL_FORM = (
    Bug("difference_is_sum", "sign", "ir/domains/affine.py",
        "_add(operands[0], _scale(operands[1], Fraction(-1)))", "_add(operands[0], operands[1])"),
    Bug("divisor_multiplies", "lost inverse", "ir/domains/affine.py",
        "{Term(None, (), (), inverse): 1 / coefficient}",
        "{Term(None, (), (), inverse): coefficient}"),
    Bug("two_minus_signs", "sign", "ir/polynomial.py",
        "build_monomial(monomial, -coefficient if negative else coefficient)",
        "build_monomial(monomial, coefficient)"),
    Bug("number_divides", "lost inverse", "ir/polynomial.py",
        "out = mul(parts[0], {factors(inverse): 1 / coefficient})",
        "out = mul(parts[0], {factors(inverse): coefficient})"),
    Bug("free_part_of_a_read", "lost term", "ir/reads.py",
        "        parts.append((False, P.build(free)))", "        pass"),
    Bug("factor_of_a_read", "lost factor", "ir/reads.py",
        "parts.append((negative, _times(read, scale)))", "parts.append((negative, read))"),
    Bug("erase_reads_decayed_twice", "wrong read point", "ir/recurrence.py",
        "                return candidate, True", "                return w, True"),
    Bug("tied_erase_writes", "sign", "ir/recurrence.py",
        "w = P.scale(w, -ratio)", "w = P.scale(w, ratio)"),
    Bug("old_read_forgets_decay", "dropped decay", "ir/recurrence.py",
        'return node, rules.pointwise("mul", query, scale), tuple(sorted(over)), True',
        "return node, query, tuple(sorted(over)), True"),
    Bug("value_decay_is_scalar", "wrong class", "ir/recurrence.py",
        "elif not decay_axes & set(self._wide(keys)):", "elif not decay_axes & set(keys):"),
    Bug("old_state_is_new", "wrong read point", "ir/recurrence.py",
        "return target, rules.number(1), (), target is state.leaf",
        "return target, rules.number(1), (), False"),
    Bug("erase_strength", "lost factor", "ir/recurrence.py",
        "rest = P.factors(tuple(f for f in term.scale if f not in u), term.weight)",
        "rest = term.weight"),
    Bug("one_erase_is_enough", "lost term", "ir/recurrence.py",
        "if len(erases) > 1:", "if len(erases) > 2:"),
    Bug("keys_in_any_order", "swapped operand", "ir/recurrence.py",
        "key_axes = tuple(a for a in axes if a in keys)",
        "key_axes = tuple(a for a in axes[::-1] if a in keys)"),
)  # fmt: skip
