"""What a run or a distillation will take, before it is begun: tokens, hours, money, memory.

Every figure is estimated, has a range and names its assumption; a rate that an earlier run measured
replaces a rule of thumb. Reads headers, cards and questions, and calls no model. Imports
``runner``, ``distill`` (its recipes), ``suite``, ``tasks``, ``engines``, ``meter``, ``compute``,
``stats`` and ``catalog``. ``design`` is what a budget allows.
"""

from distilbench.forecast._distillation import PlannedStudent, plan_recipe
from distilbench.forecast._earlier import seen_runs
from distilbench.forecast._estimate import Estimate, Rate
from distilbench.forecast._run import RunForecast, forecast_run

__all__ = [
    "Estimate",
    "PlannedStudent",
    "Rate",
    "RunForecast",
    "forecast_run",
    "plan_recipe",
    "seen_runs",
]
