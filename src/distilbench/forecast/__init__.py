"""What a run or a distillation will take, before it is begun: tokens, hours, money, memory.

Every figure is estimated, has a range and names its assumption; a rate that an earlier run measured
replaces a rule of thumb. Reads headers, cards and questions, and calls no model. A distillation is
forecast by ``compute.plan_distillation`` on the sizes of a recipe (``distill.plan_recipe``).
Imports ``runner``, ``suite``, ``tasks``, ``engines``, ``meter``, ``compute`` and ``catalog``.
"""

from distilbench.forecast._earlier import seen_runs
from distilbench.forecast._estimate import Estimate, Rate
from distilbench.forecast._run import RunForecast, forecast_run

__all__ = ["Estimate", "Rate", "RunForecast", "forecast_run", "seen_runs"]
