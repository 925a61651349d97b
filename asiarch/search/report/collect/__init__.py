"""From a store to the data of a report."""

from asiarch.search.report.collect.associations import associations, of_candidates
from asiarch.search.report.collect.attribution import components
from asiarch.search.report.collect.collect import collect

__all__ = ["associations", "collect", "components", "of_candidates"]
