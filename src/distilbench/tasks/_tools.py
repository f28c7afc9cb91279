"""Which tools a task gives its model, seen before any model is asked.

A solver says so only when it runs (``use_tools``, ``react``, ``basic_agent`` or the task's own). So
a question is put to a model that notes the tools of the first request and ends there. No tool is
called, and no sandbox is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn
from unittest.mock import patch

from distilbench.inspect_private import active_model

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

_MOST_S = 20
Names = tuple[str, ...]


class _Noted(Exception):
    def __init__(self, tools: Any) -> None:
        self.tools = _names(tools)


def tools_of(task: Task, sample: Sample) -> Names | None:
    """Names of the tools of the task's first request. Null: not known, since the solver needs its
    sandbox, or more than that, before it asks."""
    bare = sample.model_copy(update={"sandbox": None, "files": None, "setup": None})
    found = _of_its_solver(task, bare)
    return _of_an_evaluation(task, bare) if found is None else found


def _of_its_solver(task: Task, sample: Sample) -> Names | None:
    """By running the solver alone, which takes milliseconds; null: it wants an evaluation around
    it, as ``react`` does."""
    import anyio
    from inspect_ai.model import ChatMessageUser, Model, ModelName, get_model
    from inspect_ai.scorer import Target
    from inspect_ai.solver import TaskState

    model = get_model("mockllm/model", memoize=False)
    asked = sample.input
    start: list[Any] = [ChatMessageUser(content=asked)] if isinstance(asked, str) else list(asked)
    state = TaskState(
        ModelName("mockllm/model"), sample.id or 0, 1, asked, start, Target(sample.target),
        sample.choices, metadata=dict(sample.metadata or {}),
    )  # fmt: skip

    async def generate(state: TaskState, *_: Any, **__: Any) -> NoReturn:
        raise _Noted(state.tools)

    async def asked_itself(_: Model, __: Any, tools: Any = (), *___: Any, **____: Any) -> NoReturn:
        raise _Noted(tools)

    async def solve() -> None:
        active_model(model)
        await task.solver(state, generate)

    try:
        with patch.object(Model, "generate", asked_itself):
            anyio.run(solve)
    except _Noted as noted:
        return noted.tools
    except Exception:  # whatever an installed task raises
        return None
    return ()  # it asks no model


def _of_an_evaluation(task: Task, sample: Sample) -> Names | None:
    from inspect_ai import eval as evaluate
    from inspect_ai import task_with
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import get_model

    asked: list[Names] = []

    async def note(*_: Any, tools: list[Any], **__: Any) -> Any:
        asked.append(_names(tools))
        raise _Noted(())

    model = get_model("mockllm/model", memoize=False)
    model.api.generate = note  # type: ignore[method-assign, assignment]
    shown = task_with(
        copy(task), dataset=MemoryDataset([sample]), scorer=None, setup=None, sandbox=None, epochs=1
    )
    try:
        with TemporaryDirectory() as folder:
            evaluate(
                shown, model=model, log_dir=folder, display="none", score=False, time_limit=_MOST_S,
                fail_on_error=False, log_samples=False, log_realtime=False,
            )  # fmt: skip
    except Exception:  # whatever an installed task raises
        pass
    return asked[0] if asked else None


def _names(tools: Any) -> Names:
    """Of tools, their descriptions (``ToolInfo``), or a source of them that is asked later."""
    from inspect_ai.tool import ToolDef, ToolInfo

    if not isinstance(tools, Sequence):
        return ("tools of a source",)
    return tuple(
        tool.name if isinstance(tool, ToolInfo | ToolDef) else ToolDef(tool).name for tool in tools
    )
