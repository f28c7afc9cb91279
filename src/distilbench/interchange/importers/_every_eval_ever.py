"""Reads records of Every Eval Ever (https://evalevalai.com), schema 0.3, with their questions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.interchange._exported import SOURCE
from distilbench.interchange._imported import Imported, Naming, number, share, whole
from distilbench.interchange._importer import Importer, ResultFile
from distilbench.interchange._read import check_samples, choose_metric, mapping, read_json_lines
from distilbench.records import ORIGIN, ROLES

_SCHEMA = "0.3"
_SHOTS = ("num_fewshot", "n_shot", "fewshot")
Entry = dict[str, Any]


class EveryEvalEver(Importer):
    program = "Every Eval Ever"
    reads = "records of schema 0.3"
    suffixes = (".json",)
    metric = "a metric"

    def recognises(self, file: ResultFile) -> bool:
        data = file.json
        return isinstance(data, dict) and "evaluation_results" in data and "schema_version" in data

    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        """One cell for each evaluation of the record: of several metrics the one that counts.

        Refused is a record of another schema, or one whose questions are not those it names.
        """
        return _evaluations(file.path, file.json, naming)


def _evaluations(path: Path, data: Entry, naming: Naming) -> list[Imported]:
    version = str(data["schema_version"])
    if not version.startswith(_SCHEMA):
        raise InputError(
            f"{path}: field 'schema_version'",
            f"{version!r} is not {_SCHEMA}",
            "give a record of schema 0.3",
        )
    entries = data["evaluation_results"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: field 'evaluation_results'", "holds nothing", "give another")
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for index, entry in enumerate(entries, start=1):
        checked = mapping(entry, f"{path}: result {index}")
        groups.setdefault(_evaluation(checked), []).append(checked)
    rows = _questions(path, data)
    names = [entry.get("evaluation_name") for group in groups.values() for entry in group]
    alone = {name for name in names if names.count(name) == 1}
    return [_cell(path, data, group, rows, alone, naming) for group in groups.values()]


def _evaluation(entry: Entry) -> tuple[Any, ...]:
    """What is one evaluation, whatever its metrics: name, data, examples, seed."""
    return _task(entry), _details(entry.get("metric_config")).get("seed")


def _task(entry: Entry) -> str:
    """The evaluation's name, with the data set before it where that is another's name, and with
    the number of examples where it is stated."""
    name = str(entry.get("evaluation_name") or "unnamed")
    source = entry.get("source_data")
    data = str(source.get("dataset_name") or "") if isinstance(source, dict) else ""
    full = name if not data or data.lower() in name.lower() else f"{data}-{name}"
    config = entry.get("generation_config")
    args = config.get("generation_args") if isinstance(config, dict) else {}
    given = {**(args if isinstance(args, dict) else {}), **_details(config)}
    shots = next((str(given[key]) for key in _SHOTS if given.get(key) is not None), None)
    return full if shots is None else f"{full}-{shots}shot"


def _details(value: Any) -> Entry:
    found = value.get("additional_details") if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _cell(
    path: Path, data: Entry, group: list[Entry], rows: list[Entry], alone: set[Any], naming: Naming
) -> Imported:
    where = f"{path}: evaluation {group[0].get('evaluation_name')!r}"
    entry, metric, rising = _chosen(group, naming, where)
    library, info = (mapping(data.get(k), f"{path}: {k}") for k in ("eval_library", "model_info"))
    source = mapping(data.get("source_metadata") or {}, f"{path}: source_metadata")
    own = str(source.get("source_name") or "").startswith(SOURCE)
    details, config = _details(info), _details(entry.get("metric_config"))
    result = mapping(entry.get("score_details"), f"{where}, field 'score_details'")
    uncertainty = mapping(result.get("uncertainty") or {}, f"{where}, field 'uncertainty'")
    error = mapping(uncertainty.get("standard_error") or {}, f"{where}, field 'standard_error'")
    mine = _mine(rows, entry, alone) if rising else []
    samples = [_sample(row, own) for row in mine]
    graded = all(share(sample["score"]) is not None for sample in samples)
    engine = mapping(info.get("inference_engine") or {}, f"{path}: inference_engine")
    name, id_ = str(info.get("name") or "unnamed"), str(info.get("id") or "")
    origin = " ".join(str(library.get(k) or "") for k in ("name", "version")).strip()
    return Imported(
        tool="every-eval-ever",
        origin=config.get("origin", origin) if own and library.get("name") != ORIGIN else origin,
        model=name if own or not id_ else id_,
        names=(name,) if own else None,
        task=_task(entry),
        profile=details.get("profile") if own else None,
        seed=int(seed) if own and (seed := str(config.get("seed"))).isdecimal() else 0,
        source=path,
        facts={
            "engine": engine.get("name"),
            "engine_version": engine.get("version"),
            "reported_score": number(result.get("score")),
            "reported_stderr": number(error.get("value")),
            "reported_metric": metric,
            **_known(details),
        },
        samples=samples if graded else [],
        texts=_texts(mine) if graded and not own else {},
        missing=_missing(samples, result, uncertainty, metric, where)
        if samples and graded
        else None,
    )


def _known(details: Entry) -> Entry:
    """What the details of a model say that a cell record has a column for."""
    parameters = str(details.get("parameters"))
    texts = {key: details.get(key) for key in ("quantization", "model_sha256", "card")}
    texts["role"] = role if (role := details.get("role")) in ROLES else None
    return {
        **{key: text for key, text in texts.items() if isinstance(text, str)},
        **({"parameters": int(parameters)} if parameters.isdecimal() else {}),
    }


def _chosen(group: list[Entry], naming: Naming, where: str) -> tuple[Entry, str, bool]:
    """The entry that counts, its metric, and whether more of it is better."""
    named: dict[str, Entry] = {}
    for entry in group:
        config = mapping(entry.get("metric_config"), f"{where}, field 'metric_config'")
        keys = ("metric_id", "metric_name", "metric_kind", "evaluation_description")
        name = str(next((config[k] for k in keys if config.get(k)), "score"))
        if name in named:
            raise InputError(
                where, f"has the metric {name!r} twice", "give a file with one of them"
            )
        named[name] = entry
    rising = [n for n, e in named.items() if not e["metric_config"].get("lower_is_better")]
    names = list(named) if naming.metric else rising or list(named)
    metric = choose_metric(names, naming.metric, where) or names[0]
    return named[metric], metric, metric in rising


def _mine(rows: list[Entry], entry: Entry, alone: set[Any]) -> list[Entry]:
    """The questions of one result: by its id, or by its name where no other result bears it."""
    key, name = entry.get("evaluation_result_id"), entry.get("evaluation_name")
    named = [row for row in rows if row.get("evaluation_result_id") is None]
    found = [row for row in rows if key is not None and row.get("evaluation_result_id") == key]
    return found or [row for row in named if name in alone and row.get("evaluation_name") == name]


def _questions(path: Path, data: Entry) -> list[Entry]:
    """The rows of the file beside the record, if it is there and is the one that was written."""
    detailed = data.get("detailed_evaluation_results")
    if not isinstance(detailed, dict):
        return []
    # The path is the data store's; only a file in the record's own folder is read.
    file = path.parent / str(detailed.get("file_path") or "").replace("\\", "/").rpartition("/")[2]
    if not file.is_file():
        return []
    algorithm, wanted = detailed.get("hash_algorithm") or "sha256", detailed.get("checksum")
    if wanted and algorithm in ("sha256", "md5"):
        digest = hashlib.new(algorithm, file.read_bytes(), usedforsecurity=False).hexdigest()
        if digest != str(wanted).lower():
            remedy = "give both files of one record, or the record alone"
            raise InputError(str(file), f"is not the file that {path.name} names", remedy)
    rows = list(read_json_lines(file))
    total = whole(detailed.get("total_rows"))
    if total is not None and total != len(rows):
        raise InputError(str(file), f"has {len(rows)} of {total} rows", "give the whole file")
    return rows


def _sample(row: Entry, own: bool) -> Entry:
    usage, clock = _part(row, "token_usage"), _part(row, "performance")
    attributed = row.get("answer_attribution")
    last = attributed[-1] if isinstance(attributed, list) and attributed else {}
    reference, noted = _part(row, "input").get("reference"), _part(row, "metadata")
    answer = last.get("extracted_value") if isinstance(last, dict) else None
    epoch, outcome = str(noted.get("epoch")), noted.get("outcome")
    return {
        "sample_id": str(row.get("sample_id")),
        "epoch": int(epoch) if epoch.isdecimal() else 1,
        "score": _part(row, "evaluation").get("score"),
        "answer": str(answer) if answer else None,
        "target": "; ".join(map(str, reference)) if isinstance(reference, list) else None,
        "outcome": outcome if own and outcome != "unknown" else None,
        "input_tokens": whole(usage.get("input_tokens")),
        "cached_tokens": whole(usage.get("input_tokens_cache_read")),
        "output_tokens": whole(usage.get("output_tokens")),
        "reasoning_tokens": whole(usage.get("reasoning_tokens")),
        "total_s": _seconds(clock.get("latency_ms")),
        "ttft_s": _seconds(clock.get("time_to_first_token_ms")),
        "decode_s": _seconds(clock.get("generation_time_ms")),
        "error": str(row["error"]) if row.get("error") else None,
    }


def _part(row: Entry, name: str) -> Entry:
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def _seconds(milliseconds: Any) -> float | None:
    found = number(milliseconds)
    return None if found is None else found / 1000


def _texts(rows: list[Entry]) -> dict[str, tuple[str, ...]]:
    raw = ((str(row.get("sample_id")), _part(row, "input").get("raw")) for row in rows)
    return {key: (text.strip(),) for key, text in raw if isinstance(text, str)}


def _missing(
    samples: list[Entry], result: Entry, uncertainty: Entry, metric: str, where: str
) -> str | None:
    failed = sum(s["error"] is not None and s["outcome"] is None for s in samples)
    wanted = max(whole(uncertainty.get("num_samples")) or 0, len(samples))
    if len(samples) - failed < wanted:
        return f"{len(samples) - failed} of {wanted} questions answered"
    return check_samples(
        samples,
        {},
        "accuracy" if "acc" in metric.lower() else metric,
        number(result.get("score")),
        where,
    )
