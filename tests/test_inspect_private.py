"""What is taken from Inspect's private modules is there, and does what we take it for.

``make newest-inspect`` runs this file against the newest version of Inspect.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai.model import get_model

from distilbench import inspect_private
from distilbench.inspect_private import (
    create_task,
    prerequisite_error,
    provider_names,
    scorer_name,
    task_parameters,
)


def test_a_missing_key_raises_what_we_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE_API_KEY", raising=False)
    with pytest.raises(prerequisite_error()) as caught:
        get_model("openai-api/nowhere/m", base_url="http://localhost:1/v1", memoize=False)
    assert "NOWHERE_API_KEY" in str(getattr(caught.value, "message"))  # noqa: B009


def test_tasks_are_found_and_made_by_name() -> None:
    from inspect_ai import Task, task
    from inspect_ai.scorer import exact

    @task
    def private_probe(number: int = 1) -> Task:
        return Task(scorer=exact(), name=f"probe-{number}")

    assert task_parameters("no_such_task") is None
    assert task_parameters("private_probe") == ["number"]
    made = create_task("private_probe", {"number": 3})
    assert made.name == "probe-3"
    assert [scorer_name(one) for one in made.scorer or []] == ["exact"]


def test_inspects_providers_are_listed() -> None:
    assert {"openai", "anthropic", "hf", "vllm", "mockllm"} <= provider_names()


def test_extensions_are_loaded_without_the_benchmarks() -> None:
    """In a process of its own: what is imported stays imported."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nfrom distilbench.inspect_private import import_ahead, load_extensions\n"
            "load_extensions(benchmarks=False)\nimport_ahead()\n"
            "from inspect_ai.model import get_model\nget_model('none/none')\n"
            "print('distilbench.engines._registry' in sys.modules, 'inspect_evals' in sys.modules,"
            " 'inspect_ai.agent._acp.server' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == ["True", "False", "True"]


def test_no_other_module_takes_what_is_private() -> None:
    private = re.compile(r"inspect_ai(\.\w+)*\._|from inspect_ai[\w.]* import .*\b_[a-z]")
    root = Path(inspect_private.__file__).parent
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in root.rglob("*.py")
        for line in path.read_text().splitlines()
        if path.name != "inspect_private.py" and private.search(line)
    ]
    assert found == []
