"""What models are asked, and how answers are graded; as Inspect tasks.

Holds the specifications that a suite file embeds, the generated reasoning tasks (reasoning-gym),
the tasks on a user's own file, the benchmarks of installed packages (Inspect tasks), answer
extraction and graders. Importing this package loads neither
Inspect nor reasoning-gym: the specifications are plain data. Imports ``errors`` only.
"""

from distilbench.tasks._build import (
    answer_cue,
    build_task,
    data_files,
    judge,
    make_questions,
    worked_answer,
)
from distilbench.tasks._chat import turns_of
from distilbench.tasks._extract import extract
from distilbench.tasks._grade import grade, vote_of
from distilbench.tasks._hub_file import hub_task_id, shadowed
from distilbench.tasks._inspect_task import main_score, package_version, prompts
from distilbench.tasks._likelihood import LIKELIHOODS_KEY
from distilbench.tasks._listing import TaskEntry, list_benchmarks, list_tasks
from distilbench.tasks._make import attempt_questions
from distilbench.tasks._questions import Question, QuestionSet
from distilbench.tasks._rows import rows_kind
from distilbench.tasks._spec import (
    FileTask,
    InspectTask,
    ReasoningGymTask,
    Subset,
    TaskSpec,
    contamination_of,
    one_for_each_template,
)
from distilbench.tasks._template import TEMPLATES, Template

__all__ = [
    "LIKELIHOODS_KEY",
    "TEMPLATES",
    "FileTask",
    "InspectTask",
    "Question",
    "QuestionSet",
    "ReasoningGymTask",
    "Subset",
    "TaskEntry",
    "TaskSpec",
    "Template",
    "answer_cue",
    "attempt_questions",
    "build_task",
    "contamination_of",
    "data_files",
    "extract",
    "grade",
    "hub_task_id",
    "judge",
    "list_benchmarks",
    "list_tasks",
    "main_score",
    "make_questions",
    "one_for_each_template",
    "package_version",
    "prompts",
    "rows_kind",
    "shadowed",
    "turns_of",
    "vote_of",
    "worked_answer",
]
