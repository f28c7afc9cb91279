"""Which questions of several runs are the same: those of one text, reference and
choices, whatever their ids."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.errors import InputError
from distilbench.files import read_sealed
from distilbench.records import ORIGIN

if TYPE_CHECKING:
    import polars as pl

_AGAIN = "put back a copy of it, or run the suite again in another folder (--out)"
TaskSeed = tuple[str, int]
Content = tuple[str, int]
"""Digest of a question's text, reference and choices, and which it is of those that a run asks
alike."""


@dataclass(frozen=True)
class Asker:
    """A run: its name on the page, its folder, the cells of its plan as ``run.json`` has them, its
    samples with ``task`` and ``variant``."""

    label: str
    folder: Path
    plan: Sequence[Mapping[str, Any]]
    samples: pl.DataFrame


@dataclass
class _Asked:
    """What the runs before asked of a task with a seed: ids by content, and each id's content and
    reference (null: not on record), under the run that had it first."""

    ids: dict[Content, str] = field(default_factory=dict)
    examples: set[str] = field(default_factory=set)
    """Digests of the worked examples shown before a question; none: not on record."""
    held: dict[str, tuple[Content | None, str | None]] = field(default_factory=dict)
    first: str = ""


def aligned(runs: Sequence[Asker]) -> tuple[list[pl.DataFrame], tuple[str, ...]]:
    """The samples of each run, in which task, seed and sample_id are the same for the same question
    and for no other, and a sentence on each task in which that is not as the runs have it.

    A question is its text, its reference and its choices. One that has another id in a later run
    gets the first run's; an id that means another question in a later run gets that run's name
    behind it. Where a run keeps no texts (imported results), ids count, unless the references
    differ. A later run's seed that the earlier do not have stands for one of theirs where the
    questions are the same.
    """
    files = [_files(run) for run in runs]
    alike = _tasks_alike(files) - {task for run in runs for task in _imported(run.samples)}
    asked: dict[str, dict[int, _Asked]] = defaultdict(dict)
    frames: list[pl.DataFrame] = []
    said: list[str] = []
    for run, of_tasks in zip(runs, files, strict=True):
        renamed: list[tuple[str, int, str, int, str]] = []
        for task, seeds in _questions(run.samples):
            if task in alike:
                continue
            texts = {seed: _read(of_tasks.get((task, seed), ())) for seed in seeds}
            said += _place(run.label, task, seeds, texts, asked[task], renamed)
        frames.append(_renamed(run.samples, renamed))
    return frames, tuple(said)


def _files(run: Asker) -> dict[TaskSeed, tuple[Path, ...]]:
    """Where the questions of each task and seed are; templates of a task ask the same ones."""
    found: dict[TaskSeed, dict[Path, None]] = defaultdict(dict)
    for cell in run.plan:
        task, seed = cell["task"], cell["seed"]
        path = run.folder / "questions" / f"{task['name']}--{seed}--{cell['task_hash'][:8]}.json"
        if path.is_file():
            found[task.get("variant_of") or task["name"], seed][path] = None
    return {key: tuple(paths) for key, paths in found.items()}


def _tasks_alike(files: Sequence[Mapping[TaskSeed, tuple[Path, ...]]]) -> set[str]:
    """Tasks of which all runs hold the very same files: nothing in them needs to be read."""
    digests: dict[str, set[object]] = defaultdict(set)
    for of_run in files:
        mine: dict[str, list[object]] = defaultdict(list)
        for (task, seed), paths in sorted(of_run.items()):
            mine[task] += [(seed, hashlib.sha256(path.read_bytes()).digest()) for path in paths]
        for task, found in mine.items():
            digests[task].add(tuple(sorted(set(found))))  # type: ignore[type-var]
    everywhere = Counter(task for of_run in files for task in {task for task, _ in of_run})
    return {
        task
        for task, found in digests.items()
        if len(found) == 1 and everywhere[task] == len(files)
    }


def _imported(samples: pl.DataFrame) -> set[str]:
    """Tasks with questions of other programs, which no file of the run holds."""
    import polars as pl

    theirs = pl.col("origin").is_not_null() & (pl.col("origin") != ORIGIN)
    return set(samples.filter(theirs)["task"].unique())


def _questions(samples: pl.DataFrame) -> Iterator[tuple[str, dict[int, dict[str, str | None]]]]:
    """Of each task, by seed: the ids that were asked, with their references."""
    import polars as pl

    keys = ("task", "seed", "sample_id")
    asked = samples.select(*keys, "target").group_by(keys).agg(pl.col("target").drop_nulls().min())
    found: dict[str, dict[int, dict[str, str | None]]] = {}
    for task, seed, id_, target in asked.sort(keys).iter_rows():
        found.setdefault(task, {}).setdefault(seed, {})[id_] = target
    yield from found.items()


class _Texts(NamedTuple):
    """What a run has on record of a task with a seed: content by id, digests of the examples."""

    contents: dict[str, Content]
    examples: set[str]


def _read(paths: Sequence[Path]) -> _Texts:
    found: dict[str, Content] = {}
    examples: set[str] = set()
    alike: Counter[str] = Counter()
    for path in paths:
        try:
            asked = json.loads(read_sealed(path, _AGAIN))
            parts = [
                (str(q["id"]), json.dumps([q["text"], q["target"], q.get("choices")]))
                for q in asked["questions"]
            ]
            shown = [(str(e["text"]), str(e["worked"])) for e in asked["examples"]]
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(str(path), "is damaged", _AGAIN) from error
        examples.add(hashlib.sha256(json.dumps(shown).encode()).hexdigest())
        for id_, content in parts:
            if id_ not in found:
                digest = hashlib.sha256(content.encode()).hexdigest()
                found[id_] = (digest, alike[digest])
                alike[digest] += 1
    return _Texts(found, examples)


def _place(
    label: str,
    task: str,
    seeds: Mapping[int, Mapping[str, str | None]],
    texts: Mapping[int, _Texts],
    asked: dict[int, _Asked],
    renamed: list[tuple[str, int, str, int, str]],
) -> Iterator[str]:
    """Put a run's questions of a task beside those of the runs before; what there is to say."""
    counts: Counter[str] = Counter()
    stands_for = _seeds(seeds, texts, asked)
    firsts = {asked[t].first for t in stands_for.values() if t in asked}
    for seed, ids in seeds.items():
        to = stands_for[seed]
        before = asked.setdefault(to, _Asked(first=label))
        contents, examples = texts[seed]
        new = _named(label, ids, contents, before, counts)
        if seed == to and examples and before.examples and examples.isdisjoint(before.examples):
            yield (
                f"Task {task}: the worked examples before its questions are others in {label} than"
                f" in {before.first}."
            )
        before.examples |= examples
        renamed += [
            (task, seed, id_, to, name) for id_, name in new.items() if (seed, id_) != (to, name)
        ]
        for id_, name in new.items():
            content = contents.get(id_)
            before.held.setdefault(name, (content, ids[id_]))
            if content is not None:
                before.ids.setdefault(content, name)
    first = ", ".join(sorted(firsts))
    for seed, to in stands_for.items():
        if seed != to:
            yield (
                f"Task {task}: seed {seed} of {label} is compared with seed {to} of {first}: the"
                " questions are the same, few-shot examples and sampling need not be."
            )
    yield from _told(counts, label, task, first)


def _told(counts: Counter[str], label: str, task: str, first: str) -> Iterator[str]:
    if n := counts["other"]:
        yield (
            f"Task {task}: {n:,} questions of {label} bear the id of another question of {first}"
            " (other text, reference or choices): they are not compared."
        )
    if n := counts["moved"]:
        yield (
            f"Task {task}: {n:,} questions of {label} have another id in {first}: they are known"
            " again by their text, reference and choices."
        )
    if n := counts["unread"]:
        yield (
            f"Task {task}: the text of {n:,} questions is not on record in {label} or in {first}:"
            " they are taken for the same by id and reference."
        )


def _seeds(
    seeds: Mapping[int, object],
    texts: Mapping[int, _Texts],
    asked: Mapping[int, _Asked],
) -> dict[int, int]:
    """The seed of the runs before that each seed stands for: itself, or, if they do not have it,
    one of theirs that this run does not have and that asks some of the same questions."""
    free = [seed for seed in asked if seed not in seeds]
    found = {}
    for seed in seeds:
        mine = set(texts[seed].contents.values())
        same = (t for t in free if seed not in asked and not mine.isdisjoint(asked[t].ids))
        found[seed] = next(same, seed)
        if found[seed] != seed:
            free.remove(found[seed])
    return found


def _named(
    label: str,
    ids: Mapping[str, str | None],
    texts: Mapping[str, Content],
    before: _Asked,
    counts: Counter[str],
) -> dict[str, str]:
    """The name of each question, by its id in this run."""
    found = {id_: before.ids[texts[id_]] for id_ in ids if texts.get(id_) in before.ids}
    counts["moved"] += sum(id_ != name for id_, name in found.items())
    taken = set(found.values())
    for id_, target in ids.items():
        if id_ in found:
            continue
        name = id_
        if id_ in before.held:
            content, reference = before.held[id_]
            both_read = content is not None and id_ in texts
            references = None not in (target, reference) and target != reference
            other = both_read or references
            counts["other" if other else "unread"] += 1
            name = f"{id_} ({label})" if other else id_
        found[id_] = f"{id_} ({label})" if name in taken else name
        taken.add(found[id_])
    return found


def _renamed(
    samples: pl.DataFrame, renamed: Sequence[tuple[str, int, str, int, str]]
) -> pl.DataFrame:
    """With ``asked_as``, the id in the run's transcripts, where any is another now."""
    import polars as pl

    if not renamed:
        return samples
    keys = ["task", "seed", "sample_id"]
    kinds = {name: samples.schema[name] for name in keys}
    new = pl.DataFrame(
        renamed,
        schema={**kinds, "new_seed": kinds["seed"], "new_id": kinds["sample_id"]},
        orient="row",
    )
    known = samples.select(keys).join(new, on=keys, how="left", maintain_order="left")
    return samples.with_columns(
        seed=known["new_seed"].fill_null(samples["seed"]),
        sample_id=known["new_id"].fill_null(samples["sample_id"]),
        asked_as=samples["sample_id"],
    )
