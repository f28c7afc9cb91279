"""Commands that look and change nothing: doctor, models, tasks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._counts import say
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.providers import PROVIDERS
from distilbench.source import Source

if TYPE_CHECKING:
    from distilbench.architecture import ModelShape
    from distilbench.meter import Stretch
    from distilbench.tasks import TaskEntry

_PACKAGES = (
    "distilbench",
    "inspect-ai",
    "xllamacpp",
    "reasoning-gym",
    "math-verify",
    "torch",
    "transformers",
    "trl",
    "vllm",
    "ray",
    "openai",
    "anthropic",
)

models_app = typer.Typer(help="Models: those that come packaged, and what a model file holds.")


def register(app: typer.Typer) -> None:
    app.command()(doctor)
    app.command()(tasks)
    app.add_typer(models_app, name="models")
    models_app.callback(invoke_without_command=True)(models)
    models_app.command("inspect")(inspect)


def doctor(as_json: Json = False) -> None:
    """Show this machine: hardware, engines, energy sensors, packages, which API keys are set."""
    from distilbench.meter import busy_sentence, describe_hardware, look_now

    hardware, seen = describe_hardware(), look_now()
    facts = {
        "hardware": hardware.model_dump(mode="json"),
        "load": {
            "load_average": seen.load_average,
            "other_cpu_share": seen.other_cpu_share,
            "steal_share": seen.steal_share,
            "busy": seen.busy,
        },
        "engine": _engine(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "api_keys": {name: bool(os.environ.get(name)) for name in _key_variables()},
        "packaged_models": {name: _installed(name) for name in _packaged()},
    }
    if as_json:
        print_json(facts)
        return
    sensors = ", ".join(hardware.energy_sensors) or "not available (no readable RAPL counter)"
    rows = [
        ("processor", hardware.processor),
        ("cores", f"{hardware.usable_cores} usable of {hardware.logical_cores}"),
        ("memory", f"{hardware.memory_bytes / 2**30:.1f} GiB"),
        *_load(seen),
        ("GPUs", ", ".join(hardware.gpus) or "none found by nvidia-smi"),
        ("energy sensors", sensors),
        ("system", hardware.system),
        *((f"engine: {key}", value) for key, value in facts["engine"].items()),
        *((f"package: {n}", v or "not installed") for n, v in facts["packages"].items()),
        *((f"model: pypi:{n}", v) for n, v in facts["packaged_models"].items()),
        ("API keys set", ", ".join(n for n, s in facts["api_keys"].items() if s) or "none"),
    ]
    print_table(("", ""), rows)
    for warning in (busy_sentence(seen), _advice()):
        if warning:
            say(f"warning: {warning}")


def _load(seen: Stretch) -> list[tuple[str, str]]:
    def share(value: float | None) -> str:
        return "not available" if value is None else f"{value:.1%} of all cores"

    average = seen.load_average
    return [
        ("load average", "not available" if average is None else f"{average:.2f}"),
        ("CPU time of other processes now", share(seen.other_cpu_share)),
        ("stolen by other virtual machines now", share(seen.steal_share)),
    ]


def models(context: typer.Context, as_json: Json = False) -> None:
    """List the models that come packaged, and which of them are installed."""
    if context.invoked_subcommand is not None:
        return
    rows = [(f"pypi:{name}", model.title, _installed(name)) for name, model in _packaged().items()]
    if as_json:
        print_json([{"source": s, "title": t, "state": state} for s, t, state in rows])
        return
    print_table(("source", "model", "state"), rows)


def inspect(
    model: Annotated[
        str,
        typer.Argument(
            help="Path of a file or folder, hf:owner/name/file, or pypi:name.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show what a model's files hold: architecture, exact parameter count, quantization.

    Of a model on the hub, only the headers are read.
    """
    from distilbench.engines import describe_model

    described = describe_model(Source.parse(model), Path.cwd(), f"model {model!r}")
    if as_json:
        print_json(described.model_dump(mode="json"))
        return
    facts: dict[str, Any] = described.model_dump(
        exclude={"architecture", "architecture_missing", "parameters_missing"}
    )
    if described.parameters is None:
        facts["parameters"] = _not_available(described.parameters_missing)
    if described.architecture is None:
        facts["architecture"] = _not_available(described.architecture_missing)
        facts["FLOPs"] = "not available without an architecture"
    shape = _shape_rows(described.architecture) if described.architecture else []
    print_table(("", ""), [*facts.items(), *((f"architecture: {k}", v) for k, v in shape)])


def _shape_rows(shape: ModelShape) -> list[tuple[str, Any]]:
    """The fields of a shape, and a row for each kind of its layers."""
    stated = shape.model_dump(exclude_defaults=True, exclude={"layers"})
    rows = list(stated.items())
    for layer in shape.layers:
        parts = []
        for part in layer.parts:
            fields = part.model_dump(exclude_defaults=True, exclude={"vectors", "matrices"})
            fields.pop("kind")
            parts.append(f"{part.kind} ({', '.join(f'{k} {v}' for k, v in fields.items())})")
        rows.append((f"{layer.count} layers", "; ".join(parts)))
    return rows


def tasks(
    search: Annotated[str, typer.Argument(help="Part of a name or category.")] = "",
    as_json: Json = False,
) -> None:
    """List the reasoning tasks that can be generated, and the benchmarks of installed packages."""
    from distilbench.tasks import list_benchmarks, list_tasks

    def wanted(entries: list[TaskEntry]) -> list[TaskEntry]:
        return [t for t in entries if search.lower() in f"{t.name} {t.category}".lower()]

    generated, benchmarks = wanted(list_tasks()), wanted(list_benchmarks())
    if as_json:
        keyed = [("reasoning_gym", t) for t in generated] + [("inspect", t) for t in benchmarks]
        print_json([{"kind": kind, **task._asdict()} for kind, task in keyed])
        return
    columns = ("name", "category", "what it asks", "questions")
    if generated:
        print_table(columns, [tuple(t) for t in generated], "Generated from a seed: reasoning_gym")
    if benchmarks:
        print_table(columns, [tuple(t) for t in benchmarks], "Benchmarks: inspect")
    if not generated and not benchmarks:
        print_line(
            f"no task has {search!r} in its name or category; all of them: distilbench tasks"
        )
    if not list_benchmarks():
        print_line("no benchmarks are installed: pip install 'distilbench[benchmarks]'")


def _not_available(why: str | None) -> str:
    return f"not available: {why}" if why else "not available"


def _packaged() -> dict[str, Any]:
    from distilbench.engines import PACKAGED

    return PACKAGED


def _installed(name: str) -> str:
    from importlib.util import find_spec

    model = _packaged()[name]
    return "installed" if find_spec(model.package) else f"not installed: {model.install}"


def _engine() -> dict[str, str]:
    import xllamacpp

    from distilbench.engines import build_of, compiler_of

    devices = xllamacpp.get_device_info()
    info = str(xllamacpp.get_system_info())
    build = build_of(info, compiler_of(xllamacpp))
    return {
        "llama.cpp devices": ", ".join(str(d.get("name", d)) for d in devices) or "CPU",
        "llama.cpp features": " ".join(info.split()),
        "package of llama.cpp": build.engine_package or "not available",
        "of the processor, llama.cpp does not use": build.unused_features or "not available",
    }


def _advice() -> str | None:
    import xllamacpp

    from distilbench.engines import build_advice, build_of

    return build_advice(build_of(str(xllamacpp.get_system_info())))


def _key_variables() -> list[str]:
    """Of Inspect's providers. Whether one is set is shown; what it holds never is."""
    return sorted({p.key for p in PROVIDERS.values() if p.key and "{}" not in p.key})


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
