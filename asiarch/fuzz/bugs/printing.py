"""Bugs in plans and in the printing of modules."""

from __future__ import annotations

from asiarch.fuzz.bug import Bug

PRINTING = (
    Bug("permutation_of_reads", "wrong axis", "codegen/expressions.py",
        "order = [*range(lead), *(lead + kind.axes.index(a) for a in axes)]",
        "order = [*range(lead), *(lead + axes.index(a) for a in kind.axes)]"),
    Bug("transpose_by_names", "wrong axis", "codegen/expressions.py",
        "if len(axes) >= 2 and axes[:-2] == kind.axes[:-2] and axes[-2:] == kind.axes[:-3:-1]:",
        "if len(axes) >= 2 and axes[-2:] == kind.axes[:-3:-1]:"),
    Bug("right_operand_stands_bare", "lost parentheses", "codegen/expressions.py",
        "right = precedence + 1  #", "right = precedence  #"),
    Bug("minus_binds_a_power", "lost parentheses", "codegen/expressions.py",
        'return Text(f"{base.within(51)} ** {exponent.within(50)}", 50)\n'
        "        if node.op in",
        'return Text(f"{base.within(30)} ** {exponent.within(50)}", 50)\n'
        "        if node.op in"),
    Bug("clamp_from_the_other_side", "swapped operand", "codegen/expressions.py",
        'side = "min" if node.op == "maximum" else "max"',
        'side = "max" if node.op == "maximum" else "min"'),
    Bug("softmax_of_many_axes", "wrong axis", "codegen/expressions.py",
        "moved = self.permute(self.of(x), x.type, kept + over)\n", "moved = self.of(x)\n"),
    Bug("rows_of_a_table", "wrong axis", "codegen/spelling.py",
        "        if place:\n", "        if place > 1:\n"),
    Bug("matrix_of_the_first_axis", "wrong axis", "codegen/expressions.py",
        "if weight.type.stream or not x.type.stream or x.type.axes[-n:] != over:",
        "if weight.type.stream or not x.type.stream or set(x.type.axes[-n:]) != set(over):"),
    Bug("other_epsilon", "wrong number", "codegen/fused.py",
        'eps = "1e-6" if spelling == "rms_norm" else "1e-5"',
        'eps = "1e-5" if spelling == "rms_norm" else "1e-6"'),
    Bug("norm_over_the_last", "wrong axis", "codegen/fused.py",
        "numbers = sorted(x.type.axes.index(a) - len(x.type.axes) for a in over)",
        "numbers = list(range(-len(over), 0))"),
    Bug("state_starts_at_zero", "wrong initial state", "codegen/cell.py",
        'if start.op == "size" and start.attr("value").constant == 0:', 'if start.op == "size":'),
    Bug("kernel_starts_at_zero", "wrong initial state", "codegen/kernel_calls.py",
        'return start.op == "size" and start.attr("value").constant == 0',
        'return start.op == "size"'),
    Bug("heads_are_values", "wrong axis", "codegen/kernel_calls.py",
        "node.type.with_axes(heads + values), node.type.axes)",
        "node.type.with_axes(values + heads), node.type.axes)"),
    Bug("delay_chain_too_short", "off by one", "codegen/plan.py",
        'for _ in range(node.attr("steps")):', 'for _ in range(max(node.attr("steps") - 1, 1)):'),
    Bug("second_kernel_keeps_state", "lost carry", "codegen/plan.py",
        "read, index == 0)", "read, index == len(found.reads) - 1)"),
    Bug("window_one_short", "wrong window", "codegen/attend.py",
        "return max(0, -near.integer), early, ahead\n",
        "return max(0, -near.integer - 1), early, ahead\n"),
)  # fmt: skip
