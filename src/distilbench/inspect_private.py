"""All that distilbench takes from private modules of Inspect, which may change with any version.

Each function says what for, and what happens without it. ``tests/test_inspect_private.py`` holds
them against the installed version, and ``make newest-inspect`` against the newest.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect_ai import Task

BENCHMARKS = "inspect_evals"
_UNUSED = {"distilbench": ("OPENAI", "ANTHROPIC"), "openai-api": ("ANTHROPIC",)}
"""By provider, the clients that it does not use, as far as that is known."""


def prerequisite_error() -> type[Exception]:
    """What Inspect raises where a package or a key is missing; its ``message`` says which."""
    from inspect_ai._util.error import PrerequisiteError

    return PrerequisiteError


def load_extensions(benchmarks: bool) -> None:
    """Load the packages that extend Inspect with providers and hooks, before a clock runs.
    inspect_evals extends it with neither and takes seconds: only if ``benchmarks``."""
    from inspect_ai._util import entrypoints

    if benchmarks:
        entrypoints.ensure_entry_points()
        return
    for package in entry_points(group="inspect_ai"):
        if package.name != BENCHMARKS:
            entrypoints.ensure_entry_points(package.name)
    entrypoints._inspect_ai_eps_loaded_all = True


def import_ahead(provider: str | None = None) -> None:
    """Import what Inspect would import inside the first evaluation (seconds), before a cell's clock
    runs: its server of agents, and the clients of OpenAI and Anthropic where they are installed.
    A version that keeps them elsewhere imports them later, and only the first cell is slower.

    ``provider``: the one that alone is asked in this process; null: not known. Inspect, which keeps
    a state for each client in every sample, is then told that those it does not use are not
    installed, and of models that it cannot know it looks for no facts in its tables, which it would
    read for most of a second while the first question is answered. A version that cannot be told
    does both.
    """
    with suppress(ImportError):
        import_module("inspect_ai.agent._acp.server")
        from inspect_ai.model import _assistant_internal, _model_info

        for client in _UNUSED.get(provider or "", ()):
            setattr(_assistant_internal, f"_HAS_{client}", False)
        if provider == "distilbench":
            _model_info._model_info_cache = {}
        _assistant_internal.init_sample_assistant_internal()


def patch_zipfile() -> None:
    """Have Python's zipfile read zstandard, in which Inspect packs its logs, as Inspect does;
    Python 3.14 does. Inspect's module is run by itself where it is found: the package around it
    takes more than a second to import."""
    if "inspect_ai" in sys.modules or not _run_alone("inspect_ai", "_util/zipfile.py"):
        import inspect_ai._util.zipfile  # noqa: F401


@cache
def _run_alone(package: str, file: str) -> bool:
    """Run a module of a package that is not imported. False: there is none."""
    found = find_spec(package)
    path = Path(str(found and found.origin)).parent / file
    alone = spec_from_file_location(f"_{path.stem}_alone", path)
    if alone is None or alone.loader is None or not path.is_file():
        return False
    alone.loader.exec_module(module_from_spec(alone))
    return True


def deserializing() -> dict[str, Any]:
    """What Inspect tells its records when it reads them from a log, whatever version wrote it."""
    from inspect_ai._util.constants import get_deserializing_context

    return get_deserializing_context()


def task_parameters(name: str) -> list[str] | None:
    """Names of the arguments of a registered task; null: there is no such task."""
    from inspect_ai._util.registry import registry_info, registry_lookup

    found = registry_lookup("task", name)
    return None if found is None else list(registry_info(found).metadata["params"])


def parameters_of(made: Any) -> list[str] | None:
    """Names of the arguments of what Inspect's decorator ``task`` made; null: it is no task."""
    from inspect_ai._util.registry import is_registry_object, registry_info

    if not is_registry_object(made) or registry_info(made).type != "task":
        return None
    return list(registry_info(made).metadata["params"])


def create_task(name: str, args: dict[str, Any]) -> Task:
    """A task of the registry. Raises whatever the task does."""
    from inspect_ai._eval.registry import task_create

    return task_create(name, **args)


def hub_task_file(repo: str, revision: str) -> tuple[Path, str]:
    """A data set's ``eval.yaml`` as it is kept here, and the commit that it is of. Raises what the
    hub's client does, or Inspect's own error where there is none or the client is too old."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        got = hf_hub_download(repo, "eval.yaml", repo_type="dataset", revision=revision)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError as error:
        raise prerequisite_error()(f"{repo} has no eval.yaml at {revision}") from error
    path = Path(got)
    return path, path.parent.name  # .../snapshots/<commit>/eval.yaml


def hub_task_problem(fields: dict[str, Any]) -> str | None:
    """Why Inspect refuses a task of an ``eval.yaml``; null: it does not."""
    from inspect_ai._eval.task.hf import HFTask
    from pydantic import ValidationError

    try:
        HFTask.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:300]
    return None


def create_hub_task(name: str, commit: str, seed: int) -> Task:
    """The task ``hf/name`` as Inspect builds it, all of it at one commit. Inspect would shuffle
    choices anew in each process, and wait for minutes where rows are not at hand: both are set
    where it takes the rows. Raises whatever Inspect does."""
    from functools import partial
    from unittest.mock import patch

    from inspect_ai._eval.task import hf
    from inspect_ai.dataset import hf_dataset

    def rows(**asked: Any) -> Any:
        dataset: Any = hf_dataset(retry=False, **asked)
        dataset.shuffle_choices = partial(dataset.shuffle_choices, seed)
        return dataset

    with patch.object(hf, "hf_dataset", rows):
        return hf.task_create_from_hf(f"hf/{name}", revision=commit)[0]


def scorer_name(scorer: Any) -> str:
    """A scorer's name without that of its package."""
    from inspect_ai._util.registry import registry_unqualified_name

    return registry_unqualified_name(scorer)


def active_model(model: Any) -> None:
    """Have ``get_model()`` give this model to a solver that runs outside of an evaluation. With a
    version that keeps it elsewhere, such a solver is evaluated instead, which takes longer."""
    with suppress(ImportError, TypeError):
        from inspect_ai.model import GenerateConfig
        from inspect_ai.model._model import init_active_model

        init_active_model(model, GenerateConfig())


def provider_names() -> set[str]:
    """The providers that Inspect itself registers."""
    import inspect_ai.model  # noqa: F401
    from inspect_ai._util.registry import registry_find, registry_info

    found = (registry_info(one).name for one in registry_find(lambda i: i.type == "modelapi"))
    names = {name.removeprefix("inspect_ai/") for name in found}
    return {name for name in names if "/" not in name}
