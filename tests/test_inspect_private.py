"""What is taken from Inspect's private modules is there, and does what we take it for.

``make newest-inspect`` runs this file against the newest version of Inspect.
"""

from __future__ import annotations

import json
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


@pytest.mark.parametrize(("provider", "clients"), [("distilbench", []), ("openai-api", ["openai"])])
def test_extensions_are_loaded_without_benchmarks_and_clients_that_are_not_used(
    provider: str, clients: list[str], tmp_path: Path
) -> None:
    """In a process of its own: what is imported stays imported."""
    script = f"""
import json, sys
from distilbench.inspect_private import import_ahead, load_extensions
load_extensions(benchmarks=False)
import_ahead({provider!r})
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model, get_model_info
said = ModelOutput.from_content("mockllm/model", "2")
said.usage = ModelUsage(input_tokens=1, output_tokens=1)
model = get_model("mockllm/model", custom_outputs=[said])
(log,) = eval(Task([Sample("1 + 1?")]), model=model, display="none", log_dir=sys.argv[1])
modules = [*sys.modules]
known = get_model_info("openai/gpt-4o") is not None
print(json.dumps([log.status, known, *modules]))
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, known, *modules = json.loads(done.stdout)
    assert (status, known) == ("success", provider != "distilbench")
    assert {"distilbench.engines._registry", "inspect_ai.agent._acp.server"} <= {*modules}
    assert "inspect_evals" not in modules
    assert [client for client in ("anthropic", "openai") if client in modules] == clients


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
