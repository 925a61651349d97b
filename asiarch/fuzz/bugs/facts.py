"""Bugs in what the compiler says of a program: grades, costs, ranges, the hulls of conditions."""

from __future__ import annotations

from asiarch.fuzz.bug import Bug

FACTS = (
    Bug("delay_of_one_less", "grade too weak", "ir/domains/grade.py",
        "return shifted(x, -steps, -steps, node)", "return shifted(x, 1 - steps, 1 - steps, node)"),
    Bug("window_without_gaps", "dilation ignored", "ir/domains/grade.py",
        "else -(size - 1) * dilation", "else -(size - 1)"),
    Bug("hull_keeps_the_first", "grade too weak", "ir/domains/grade.py",
        "Reads(min(old.low, new.low), max(old.high, new.high), cause)",
        "Reads(old.low, max(old.high, new.high), cause)"),
    Bug("attend_reads_now", "grade too weak", "ir/domains/grade.py",
        "parts.append(shifted(value, low + ahead, high + ahead, node))",
        "parts.append(shifted(value, high + ahead, high + ahead, node))"),
    Bug("free_contraction", "cost dropped", "ir/domains/cost.py",
        "self.pay(node, self.numel(node.type.axes) * over * Size.of(2))",
        "self.pay(node, self.numel(node.type.axes) * Size.of(2))"),
    Bug("reduction_pays_its_result", "cost dropped", "ir/domains/cost.py",
        "    def reduce(self, node: Node, x: Any) -> None:\n"
        "        self.pay(node, self.numel(node.args[0].type.axes))",
        "    def reduce(self, node: Node, x: Any) -> None:\n"
        "        self.pay(node, self.numel(node.type.axes))"),
    Bug("weighted_sum_is_free", "cost dropped", "ir/domains/cost.py",
        "return out + score * Size.of(2) + self.numel(joined) * Size.of(2)",
        "return out + score * Size.of(2)"),
    Bug("loop_pays_once", "cost dropped", "ir/domains/cost.py",
        "for index in schedule:", "for index in set(schedule):"),
    Bug("no_zero_before_the_start", "range too narrow", "ir/domains/ranges.py",
        "    def delay(self, node: Node, x: Range) -> Range:\n        return I.with_zero(x)",
        "    def delay(self, node: Node, x: Range) -> Range:\n        return x"),
    Bug("running_sum_stays", "range too narrow", "ir/domains/ranges.py",
        '            case "sum":\n                return I.running(x)\n            case "max":',
        '            case "sum" | "max":'),
    Bug("empty_attend_is_no_zero", "range too narrow", "ir/domains/ranges.py",
        "return I.with_zero(value)", "return value"),
    Bug("square_of_negatives", "range too narrow", "ir/interval.py",
        "return Range(0.0, max(-x.low, x.high), unit=x.unit)",
        "return Range(0.0, x.high, unit=x.unit)"),
    Bug("product_of_ends", "range too narrow", "ir/interval.py",
        "low = min(ends)\n", "low = ends[0]\n"),
    Bug("union_keeps_the_narrow", "grade too weak", "ir/offsets.py",
        "if (gap < 0) == least and gap != 0:", "if (gap > 0) == least and gap != 0:"),
    Bug("strict_by_one_more", "off by one", "ir/offsets.py",
        "return _at_least((gap, rest - ONE)) if _integral(rest)",
        "return _at_least((gap, rest - ONE - ONE)) if _integral(rest)"),
    Bug("state_is_read_at_once", "wrong read point", "ir/domains/tokens.py",
        "if leaf.attr(\"state\") and node in self.leaves:\n            history = history[1:]",
        "if leaf.attr(\"state\") and node in self.leaves:\n            history = history[:-1]"),
)  # fmt: skip
