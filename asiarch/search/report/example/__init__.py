"""A report of made-up data, to see what a report looks like before there is one.

`python -m asiarch.search.report.example FOLDER` writes `report.html` and each figure there, with
names of figures (`forest lineage`) only those. The programs are real ones of the language; every
number of theirs is drawn from a simple model, and the page says so at its top.
"""

from asiarch.search.report.example.design import GENES, program
from asiarch.search.report.example.maker import example

__all__ = ["GENES", "example", "program"]
