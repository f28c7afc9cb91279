"""The methods of a run in words, from its records alone: what they do not know is not recorded.

A paragraph is a list of sentences, each with the keys of what it cites.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.records import ORIGIN
from distilbench.report.page import mib, si
from distilbench.report.paper._recorded import NOT_RECORDED, generations, models_of, tasks_of
from distilbench.report.paper._references import References, sources_of
from distilbench.report.paper._statistics import statistics

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run import RunData

_MOST_NAMED = 8
"""Models and tasks beyond which a table names them."""
_PACKAGES = {
    "distilbench": "distilbench", "inspect-ai": "inspect-ai", "llama.cpp": "xllamacpp",
    "reasoning-gym": "reasoning-gym", "math-verify": "math-verify",
    "inspect-evals": "inspect-evals",
}  # fmt: skip


_SETTERS = {"default": "distilbench's default"}


class Said(NamedTuple):
    """A sentence and the keys of what it cites."""

    text: str
    keys: tuple[str, ...] = ()


class Paragraph(NamedTuple):
    title: str
    sentences: tuple[Said, ...]


def methods(data: RunData) -> tuple[list[Paragraph], References]:
    """The methods of a run, and all that they cite."""
    versions = data.facts.get("versions", {})
    known = {
        key: f"{'Version' if key == name else name} {versions[name]}"
        for key, name in _PACKAGES.items()
        if name in versions
    }
    cite = References(data.catalog, known)
    made = (
        ("Models", _models(data, cite)),
        ("Tasks", _tasks(data, cite)),
        ("Prompts and sampling", _sampling(data)),
        ("Engine, hardware and limits", _machine(data, cite)),
        ("Statistics", (Said(t, tuple(map(cite.work, keys))) for t, keys in statistics(data))),
        ("Costs", _costs(data, cite)),
    )
    paragraphs = [Paragraph(title, tuple(sentences)) for title, sentences in made]
    return [one for one in paragraphs if one.sentences], cite


def _models(data: RunData, cite: References) -> Iterator[Said]:
    models = models_of(data)
    ours = [row for row in models if (row["origin"] or ORIGIN) == ORIGIN]
    version = data.facts.get("versions", {}).get("distilbench")
    by = f"distilbench {version}" if version else f"distilbench (version {NOT_RECORDED})"
    if ours:
        inspect = data.facts.get("versions", {}).get("inspect-ai")
        through = f"Inspect {inspect}" if inspect else "Inspect"
        yield Said(
            f"We measured {_count(len(ours), 'model')} with {by}, which asks through {through}.",
            (cite.work("distilbench"), cite.work("inspect-ai")),
        )
    if data.pairs:
        yield Said(
            "Distilled models are set beside their vanilla and proprietary counterparts as Wani et"
            " al. do.",
            (cite.work("wani2026"),),
        )
    for row in models:
        if row not in ours:
            yield Said(f"The results of {row['model']} were measured by {row['origin']}.")
    if len(models) > _MOST_NAMED:
        yield Said(f"The table of models lists all {len(models)} with the hashes of their files.")
    else:
        yield from (Said(_model(row), _card(row, data, cite)) for row in models)
    if len(models) > _MOST_NAMED:
        for row in models:
            keys = _card(row, data, cite)
            if keys:
                yield Said(f"Published figures of {row['model']} are those of its card.", keys)


def _card(row: dict[str, Any], data: RunData, cite: References) -> tuple[str, ...]:
    """The sources of a model's card; with a recipe, those of its base and teacher too."""
    card = data.catalog.cards.get(row["card"] or "")
    if card is None:
        return ()
    cards = sources_of(data.catalog, [card])
    return tuple(dict.fromkeys(key for one in cards for key in cite.card(one)))


def _model(row: dict[str, Any]) -> str:
    facts = [
        row["role"] or f"role {NOT_RECORDED}",
        f"{si(row['parameters'])} parameters" if row["parameters"] else f"size {NOT_RECORDED}",
        row["quantization"] or f"quantization {NOT_RECORDED}",
    ]
    if row["source"]:
        facts.append(f"from {row['source']}")
    if row["model_sha256"]:
        size = f" of {mib(row['model_file_bytes'])} MiB" if row["model_file_bytes"] else ""
        facts.append(f"file{size} with SHA-256 {row['model_sha256'][:16]}...")
    else:
        facts.append(f"hash of its weights {NOT_RECORDED}")
    return f"{row['model']}: {', '.join(facts)}."


def _tasks(data: RunData, cite: References) -> Iterator[Said]:
    tasks = tasks_of(data)
    if len(tasks) > _MOST_NAMED:
        total = sum(row["questions"] for row in tasks)
        yield Said(
            f"{len(tasks)} tasks with {total:,} questions were asked; the table of tasks lists"
            " them."
        )
        for keys in dict.fromkeys(_published(row, cite) for row in tasks):
            if keys:
                names = [row["task"] for row in tasks if _published(row, cite) == keys]
                yield Said(f"On {', '.join(names)} see their publication.", keys)
        return
    facts = [_facts(row) for row in tasks]
    shared = [fact for fact in facts[0] if all(fact in others for others in facts)]
    for row, own in zip(tasks, facts, strict=True):
        rest = [fact for fact in own if fact not in shared or len(tasks) == 1]
        yield Said(_task(row, rest, data), _published(row, cite))
    if shared and len(tasks) > 1:
        yield Said(f"Of every task: {', '.join(shared)}.")


def _published(row: dict[str, Any], cite: References) -> tuple[str, ...]:
    """What a task is published in, and what grades it."""
    keys: list[str | None] = []
    if row["kind"] == "reasoning_gym":
        keys.append(cite.work("reasoning-gym"))
    if row["kind"] == "inspect":
        keys.append(cite.benchmark(row["of"]))
        if str(row["of"]).startswith("inspect_evals/"):
            keys.append(cite.work("inspect-evals"))
    if row["grader"] == "math":
        keys.append(cite.work("math-verify"))
    return tuple(key for key in keys if key)


def _task(row: dict[str, Any], facts: list[str], data: RunData) -> str:
    version = data.facts.get("versions", {}).get("reasoning-gym")
    kinds = {
        "reasoning_gym": f"generated by reasoning-gym{f' {version}' if version else ''}"
        f" (data set {row['of']}{_settings(row['params'])})",
        "inspect": f"of the Inspect task {row['of']}{_settings(row['params'])}{row['at']}",
        "file": f"from the file {row['of']}",
        None: f"of an origin that is {NOT_RECORDED}",
    }
    said = [f"{_count(row['questions'], 'question')} {kinds[row['kind']]}", *facts]
    if row["task_hash"]:
        said.append(f"SHA-256 {row['task_hash'][:16]}...")
    skipped = f" Rows left out: {row['skipped_rows']}." if row["skipped_rows"] else ""
    return f"{row['task']}: {', '.join(said)}.{skipped}"


def _facts(row: dict[str, Any]) -> list[str]:
    """How a task is asked and graded, as far as the plan says."""
    facts = []
    if isinstance(row["fewshot"], int):
        facts.append(f"{row['fewshot']} worked examples" if row["fewshot"] else "no examples")
    if row["extract"] == "its own":
        facts.append("asked and graded by the benchmark's own solver and scorer")
    elif row["likelihood"]:
        facts.append(
            f"nothing written, the choice of the highest {row['likelihood']} taken, without a chat"
            " template"
        )
    elif row["extract"]:
        facts.append(f"answers read as '{row['extract']}' and graded as '{row['grader']}'")
    if row["instruction"]:
        facts.append("with an instruction before the question")
    if row["max_tokens"]:
        facts.append(f"at most {row['max_tokens']:,} tokens an answer")
    if row["contamination"]:
        facts.append(f"questions that are {row['contamination']}")
    return facts


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _settings(params: Any) -> str:
    if not isinstance(params, dict) or not params:
        return ""
    return f" with {', '.join(f'{name} {value}' for name, value in params.items())}"


def _sampling(data: RunData) -> Iterator[Said]:
    if (data.cells["origin"].fill_null(ORIGIN) != ORIGIN).all():
        yield Said(f"How questions were put, sampling and seeds are {NOT_RECORDED} here.")
        return
    templates = data.cells["template"].drop_nulls().unique(maintain_order=True).to_list()
    asked = f"the templates {', '.join(templates)}" if templates else "the tasks' own format"
    yield Said(f"Questions were put in {asked}; every prompt stands in the run's Inspect logs.")
    scored = [row["task"] for row in tasks_of(data) if row["likelihood"]]
    if scored:
        yield Said(f"On {', '.join(scored)} nothing was sampled: choices were told by likelihood.")
    everywhere = len(scored) == data.cells["task"].n_unique()
    ways = [] if everywhere else list(generations(data))
    for models, way in ways:
        who = "Answers" if len(ways) == 1 else f"Answers of {models}"
        yield Said(f"{who} were {_way(way)}.")
    seeds = ", ".join(map(str, data.facts.get("seeds") or ())) or NOT_RECORDED
    epochs = data.cells["epochs"].drop_nulls().unique().sort().to_list()
    times = " or ".join("once" if n == 1 else f"{n} times" for n in epochs)
    asked = f"was asked {times} for each seed" if times else f"has epochs that are {NOT_RECORDED}"
    yield Said(f"Seeds of questions, examples and sampling: {seeds}; every question {asked}.")
    thinking = data.cells["thinking_tokens"].drop_nulls().unique().sort().to_list()
    if thinking:
        yield Said(f"Thinking was bounded to {', '.join(f'{n:,}' for n in thinking)} tokens.")


def _way(way: dict[str, Any]) -> str:
    if way["temperature"] is None:
        return f"sampled at a temperature that is {NOT_RECORDED}"
    names = {"top_p": "top-p", "top_k": "top-k", "min_p": "min-p"}
    more = [f"{said} {way[name]:g}" for name, said in names.items() if way[name] is not None]
    greedy = "greedy (temperature 0)"
    said = f"sampled at temperature {way['temperature']:g}" if way["temperature"] else greedy
    source = way["sampling_source"]
    by = f", by {_SETTERS.get(source, source)}" if source else ""
    system = " without a system prompt" if way["system_prompt"] is False else ""
    return ", ".join((said, *more)) + system + by


def _machine(data: RunData, cite: References) -> Iterator[Said]:
    cells = data.cells
    for engine, version in _ways(cells, ("engine", "engine_version")):
        if engine is None:
            yield Said(f"The engine is {NOT_RECORDED}.")
            continue
        keys = [cite.work(key) for key in ("llama.cpp", "vllm") if key in engine.lower()]
        yield Said(f"Engine: {engine}, version {version or NOT_RECORDED}.", tuple(keys))
    for build, unused in _ways(cells, ("engine_build", "unused_features")):
        if build:
            left = f"; instruction sets of the processor that it does not use: {unused}"
            yield Said(f"llama.cpp was compiled for {build}{left if unused else ''}.")
    places = [place for (place,) in _ways(cells, ("runs_on",)) if place]
    hardware = [found for (found,) in _ways(cells, ("hardware",)) if found]
    if places:
        yield Said(f"Where models ran: {'; '.join(places)}.")
    yield Said(f"Hardware: {'; '.join(hardware) or NOT_RECORDED}.")
    for threads, slots, context in _ways(cells, ("threads", "slots", "context")):
        parts = [
            f"{value:,} {what}"
            for value, what in (
                (threads, "threads"),
                (slots, "questions in parallel"),
                (context, "tokens of context"),
            )
            if value is not None
        ]
        if parts:
            yield Said(f"The engine ran with {', '.join(parts)}.")
    yield from _limits(cells)
    busy = cells["busy"].fill_null(False).sum()
    if busy:
        yield Said(
            f"In {busy} of {cells.height} cells the machine was busy with other work, so that their"
            " seconds are not the models' own."
        )


def _limits(cells: pl.DataFrame) -> Iterator[Said]:
    fields = (
        "profile", "memory_limit_bytes", "cpus", "time_per_question_s", "energy_per_question_j",
        "power_cap_w", "enforcement",
    )  # fmt: skip
    for profile, memory, cpus, seconds, joules, watts, enforced in _ways(cells, fields):
        limits = [
            text
            for value, text in (
                (memory, f"{mib(memory)} MiB of memory"),
                (cpus, f"{cpus} cores"),
                (seconds, f"{seconds} s a question"),
                (joules, f"{joules} J a question"),
                (watts, f"{watts} W"),
            )
            if value is not None
        ]
        how = f" (enforced by: {enforced})" if limits and enforced else ""
        yield Said(f"Limits of profile {profile}: {', '.join(limits) or 'none'}{how}.")


def _ways(cells: pl.DataFrame, fields: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    yield from cells.select(fields).unique(maintain_order=True).iter_rows()


def _costs(data: RunData, cite: References) -> Iterator[Said]:
    """How each running cost and creation cost is known, of those that are known."""
    if data.samples.is_empty():
        return
    if data.samples["flops"].null_count() < data.samples.height:
        sources = data.cells["flops_source"].drop_nulls().unique(maintain_order=True).to_list()
        yield Said(
            "FLOPs of an answer are derived from its tokens and the model's architecture, two for"
            " each weight and token plus attention over the context"
            + (f" (architecture by: {'; '.join(sources)})." if sources else "."),
            (cite.work("kaplan2020"),),
        )
    methods = data.cells["energy_method"].drop_nulls().unique(maintain_order=True).to_list()
    if data.samples["energy_j"].null_count() < data.samples.height:
        keys = (cite.work("zeus"),) if any("zeus" in m.lower() for m in methods) else ()
        yield Said(f"Joules: {'; '.join(methods) or NOT_RECORDED}.", keys)
    else:
        yield Said("Energy is not available: no sensor told it.")
    for name, words in (("api_energy_method", "Remote APIs' joules"), ("price_source", "Prices")):
        told = data.cells[name].drop_nulls().unique(maintain_order=True).to_list()
        if told:
            yield Said(f"{words}: {'; '.join(told)}.")
    if any(one.ratio is not None for pair in data.pairs for one in pair.creation):
        yield Said(
            "Creation cost is six FLOPs for each weight and training token unless a card states"
            " what was measured or published, summed by scope from the student's training alone to"
            " the lineage with its base.",
            tuple(map(_by_formula(cite), ("kaplan2020", "chinchilla"))),
        )


def _by_formula(cite: References) -> Any:
    def key(name: str) -> str:
        known = cite.catalog.sources
        return cite.source(name, known[name]) if name in known else cite.work(name)

    return key
