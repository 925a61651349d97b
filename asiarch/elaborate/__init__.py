"""From the syntax tree to typed functions: names, axes, sizes, calls. The only place that knows
both.
"""
