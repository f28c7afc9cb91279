"""Reads scores, sizes and prices of others: Every Eval Ever, model cards, configs, price lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from distilbench.architecture import describe_config
from distilbench.catalog._stated import Data, Stated, is_date, mapping, number, sequence
from distilbench.errors import InputError
from distilbench.yaml_file import parse_yaml

_SHOTS = re.compile(r"\s*\(?(\d+)[- ]shots?\)?", re.IGNORECASE)
Found = Iterator[Stated | str]
"""What a file states, and in words what of it cannot be compared."""


def read_every_eval_ever(data: Data, path: Path, name: str) -> Found:
    info = mapping(data["model_info"], path, "model_info")
    model = str(info.get("id") or info.get("name") or "")
    details = info.get("additional_details")
    billions = details.get("params_billions") if isinstance(details, dict) else None
    size = number(billions)
    if size is not None and size > 0:
        where = "model_info.additional_details.params_billions"
        yield Stated(model, "parameters", size * 1e9, name, where)
    results = sequence(data["evaluation_results"], path, "evaluation_results")
    for index, result in enumerate(results):
        yield _result(
            mapping(result, path, f"evaluation_results[{index}]"), path, name, index, model
        )


def _result(result: Data, path: Path, name: str, index: int, model: str) -> Stated | str:
    at = f"evaluation_results[{index}]"
    config = mapping(result.get("metric_config") or {}, path, f"{at}.metric_config")
    details = mapping(result.get("score_details") or {}, path, f"{at}.score_details")
    title = str(result.get("evaluation_name") or "unnamed")
    score, most = number(details.get("score")), number(config.get("max_score"))
    if score is None:
        return f"{name}: {model}, {title}: no score"
    if config.get("lower_is_better") or most not in (1.0, 100.0):
        return f"{name}: {model}, {title}: the score's scale is not stated as 0 to 1 or 0 to 100"
    metric = config.get("metric_name") or config.get("evaluation_description")
    benchmark, shots = _benchmark(title)
    return Stated(
        model,
        "score",
        score * (100 / most),
        name,
        f"{at}.score_details.score",
        benchmark=benchmark,
        metric=str(metric) if metric else None,
        shots=shots,
    )


def read_model_index(front: str, path: Path, name: str) -> Found:
    """Scores of a card's front matter. Hugging Face leaves the unit open: a model whose scores are
    all 1 or less has shares, any other percent."""
    data = parse_yaml(front, "model-index:", str(path)).data
    models = data["model-index"]
    for model in models if isinstance(models, list) else [models]:
        entry = mapping(model, path, "model-index")
        title = str(entry.get("name") or "")
        found = list(_index_results(entry, path, name, title))
        values = [one.value for one in found if isinstance(one, Stated)]
        shares = all(isinstance(value, float) and value <= 1 for value in values)
        for one in found:
            if isinstance(one, Stated) and isinstance(one.value, float) and shares:
                yield replace(one, value=one.value * 100, note="a share, x 100")
            else:
                yield one


def _index_results(entry: Data, path: Path, name: str, model: str) -> Found:
    results = sequence(entry.get("results"), path, "results")
    for index, given in enumerate(results):
        at = f"model-index, results[{index}]"
        result = mapping(given, path, at)
        dataset = mapping(result.get("dataset") or {}, path, f"{at}.dataset")
        args = dataset.get("args")
        title, shots = _benchmark(str(dataset.get("name") or dataset.get("type") or ""))
        stated = number(args.get("num_few_shot")) if isinstance(args, dict) else None
        for place, metric in enumerate(sequence(result.get("metrics"), path, f"{at}.metrics")):
            said = mapping(metric, path, f"{at}.metrics[{place}]")
            value = number(said.get("value"))
            if value is None:
                yield f"{name}: {model}, {title}: no number"
                continue
            yield Stated(
                model,
                "score",
                value,
                name,
                f"{at}.metrics[{place}].value",
                benchmark=title,
                metric=str(said.get("name") or said.get("type") or "") or None,
                shots=shots if stated is None else int(stated),
            )


def read_config(data: Data, path: Path, name: str) -> Found:
    """The count that follows from the shape; a shape that we do not know is left out with why."""
    model = str(data.get("_name_or_path") or "")
    model = path.parent.name if not model or model.startswith((".", "/")) else model
    try:
        size = describe_config(json.dumps(data), name).parameters
    except InputError as error:
        yield f"{name}: {model}: {error.problem}"
        return
    if size:
        yield Stated(model, "parameters", float(size), name, "count by its shape")


def read_prices(data: Data, path: Path, name: str) -> Found:
    for index, model in enumerate(sequence(data["models"], path, "models")):
        entry = mapping(model, path, f"models[{index}]")
        for place, price in enumerate(
            sequence(entry.get("price_history"), path, f"models[{index}].price_history")
        ):
            at = f"models[{index}].price_history[{place}]"
            record = mapping(price, path, at)
            paid = (number(record.get("input")), number(record.get("output")))
            if paid[0] is None or paid[1] is None:
                yield f"{name}: {entry.get('id')}: no price"
                continue
            since = record.get("from_date") or "no date stated"
            yield Stated(
                str(entry.get("id") or entry.get("name")),
                "price",
                (paid[0], paid[1]),
                name,
                at,
                note=f"from: {since}",
            )


def read_models_dev(data: Data, path: Path, name: str) -> Found:
    """A model of models.dev: its file is named after it, in the folder of its provider."""
    since = data.get("release_date")
    if since is not None:
        if not is_date(str(since)):
            raise InputError(f"{path}: field 'release_date'", f"{since!r} is no date", "mend it")
        yield Stated(path.stem, "released", str(since), name, "release_date")
    if "cost" in data:
        cost = mapping(data["cost"], path, "cost")
        paid = (number(cost.get("input")), number(cost.get("output")))
        if paid[0] is None or paid[1] is None:
            yield f"{name}: {path.stem}: no price"
        else:
            yield Stated(path.stem, "price", (paid[0], paid[1]), name, "cost")


def front_matter(text: str) -> str | None:
    found = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    return found[1] if found else None


def _benchmark(title: str) -> tuple[str, int | None]:
    """A benchmark's name without its number of examples, and that number.

    >>> _benchmark("MMLU-PRO (5-shot)")
    ('MMLU-PRO', 5)
    """
    found = _SHOTS.search(title)
    return (title[: found.start()].strip(), int(found[1])) if found else (title.strip(), None)
