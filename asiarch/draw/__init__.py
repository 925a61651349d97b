"""Pictures of functions: `graph_svg(function)` gives one self-contained SVG."""

from asiarch.draw.svg import graph_svg

__all__ = ["graph_svg"]
