"""Results of other programs into a run, and a run's results out to others.

Holds the importers (lm-evaluation-harness, Inspect, lighteval, llama-bench, Every Eval Ever), which
write the same two records as the runner, marked with their origin, and the exporters
(lm-evaluation-harness, model-index, CSV, Every Eval Ever). Imports ``runner``, ``suite``,
``tasks``, ``stats``, ``records`` and ``errors``.
"""

from distilbench.interchange._export import FORMATS, export_run
from distilbench.interchange._import import import_results
from distilbench.interchange._imported import Naming

__all__ = ["FORMATS", "Naming", "export_run", "import_results"]
