"""plan → render → deliver. Knows neither MkDocs nor click; what it has to say are values."""

from mkdocs_comfy.pipeline.core import Pipeline
from mkdocs_comfy.pipeline.plan import PageSource, Plan, PlannedHero
from mkdocs_comfy.pipeline.production import (
    Event,
    Notice,
    Production,
    SiteImage,
    Starting,
    Stopping,
    Stored,
)

__all__ = [
    "Event",
    "Notice",
    "PageSource",
    "Pipeline",
    "Plan",
    "PlannedHero",
    "Production",
    "SiteImage",
    "Starting",
    "Stopping",
    "Stored",
]
