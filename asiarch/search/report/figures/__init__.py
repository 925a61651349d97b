"""The figures, one function and one file each: from plain data to a picture that shows itself."""

from asiarch.search.report.figures.associations import motif_table
from asiarch.search.report.figures.attribution import attribution
from asiarch.search.report.figures.curves import training_curves
from asiarch.search.report.figures.discovery import discovery
from asiarch.search.report.figures.edits import edit_effects
from asiarch.search.report.figures.failures import failures
from asiarch.search.report.figures.forest import forest
from asiarch.search.report.figures.learning_rates import learning_rates
from asiarch.search.report.figures.lineage import lineage
from asiarch.search.report.figures.niches import niche_map
from asiarch.search.report.figures.pareto import pareto
from asiarch.search.report.figures.provenance import provenance
from asiarch.search.report.figures.tiers import tier_agreement

__all__ = [
    "attribution",
    "discovery",
    "edit_effects",
    "failures",
    "forest",
    "learning_rates",
    "lineage",
    "motif_table",
    "niche_map",
    "pareto",
    "provenance",
    "tier_agreement",
    "training_curves",
]
