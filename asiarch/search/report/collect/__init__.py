"""From a store to the data of a report."""

from asiarch.search.report.collect.attribution import components
from asiarch.search.report.collect.collect import collect

__all__ = ["collect", "components"]
