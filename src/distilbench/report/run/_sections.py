"""The sections of a run's report: listed here, once, in the order of the page.

A section is a function of :class:`RunData`; one without blocks is left out. Another package adds
one with an entry point of the group ``distilbench.sections`` that names such a function; they stand
by their names behind the results, before what is said of how they came about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from distilbench.registry import of_packages
from distilbench.report.page import NOT_AVAILABLE, Section, Text
from distilbench.report.run._answers import outcomes, paired
from distilbench.report.run._by_task import by_task
from distilbench.report.run._conditions import conditions, provenance, suite
from distilbench.report.run._correct import correct_answers
from distilbench.report.run._creation import creation
from distilbench.report.run._energy import energy
from distilbench.report.run._explorer import explorer
from distilbench.report.run._imported import results_of_others
from distilbench.report.run._ledger import lifetime
from distilbench.report.run._machine import greedy_batches, surroundings
from distilbench.report.run._missing import missing
from distilbench.report.run._money import money
from distilbench.report.run._questions import questions
from distilbench.report.run._reasoning import contamination, repeated, templates
from distilbench.report.run._recommendation import recommendation
from distilbench.report.run._resources import limits, quantization
from distilbench.report.run._results import pareto_figures, results
from distilbench.report.run._served import latency
from distilbench.report.run._speeds import speeds
from distilbench.report.run._subsets import full_scores
from distilbench.report.run._sustained import under_load
from distilbench.report.run._thinking import thinking

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData

GROUP = "distilbench.sections"
MakeSection = Callable[["RunData"], Section]
RESULTS: tuple[MakeSection, ...] = (
    explorer,
    results,
    recommendation,
    by_task,
    full_scores,
    pareto_figures,
    paired,
    results_of_others,
    repeated,
    templates,
    contamination,
    correct_answers,
    money,
    latency,
    speeds,
    under_load,
    thinking,
    quantization,
    limits,
    surroundings,
    greedy_batches,
    energy,
    missing,
    outcomes,
    questions,
    creation,
    lifetime,
)
CIRCUMSTANCES: tuple[MakeSection, ...] = (provenance, conditions, suite)
PRIVATE: tuple[MakeSection, ...] = (questions,)
"""The sections that show questions, answers and references."""
LEADERBOARD: tuple[MakeSection, ...] = (
    explorer,
    results,
    recommendation,
    by_task,
    pareto_figures,
    results_of_others,
    correct_answers,
    money,
    creation,
    missing,
    provenance,
)
WITHOUT_SAMPLES: tuple[MakeSection, ...] = (results_of_others, conditions)
"""The sections of a run that holds no sample, only what other programs report."""


def sections(data: RunData, public: bool = False) -> list[Section]:
    """The sections of a run that have something to say; of a ``public`` page, those that show no
    question and no answer."""
    if data.samples.is_empty():
        return [make(data) for make in WITHOUT_SAMPLES]
    made = (
        *(make(data) for make in RESULTS if not (public and make in PRIVATE)),
        *_of_other_packages(data),
        *(make(data) for make in CIRCUMSTANCES),
    )
    return [section for section in made if section.blocks]


def leaderboard_sections(data: RunData) -> list[Section]:
    """Those of a leaderboard: what models do and cost, not how it came about."""
    made = (make(data) for make in (LEADERBOARD if data.samples.height else WITHOUT_SAMPLES))
    return [section for section in made if section.blocks]


def _of_other_packages(data: RunData) -> Iterator[Section]:
    """Their sections. A mistake of theirs costs their section, not the report."""
    for entry in of_packages(GROUP):
        try:
            made = entry.load()(data)
            if not isinstance(made, Section):
                raise TypeError(f"returned {type(made).__name__}, not a Section")
        except Exception as error:
            package = entry.dist.name if entry.dist else entry.value
            why = f"the section of {package} failed: {type(error).__name__}: {error}"
            made = Section(entry.name, (Text(f"{NOT_AVAILABLE}: {why}"),))
        yield made
