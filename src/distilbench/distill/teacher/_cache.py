"""Teacher outputs, kept by content and shared by recipes.

An entry's key is the SHA-256 of the teacher's weights, the prompt and the sampling: the same
question to the same teacher is never paid for twice. With each entry stands what it cost, and which
students used it; from that come the share of each student in the amortised scope.

    <cache>/distill/outputs.sqlite     texts, costs, uses
    <cache>/distill/logits/*.shard      packed logits, of many texts each
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.distill.accounts import SharedCost

_SCHEMA = """
create table if not exists outputs (
    key text primary key, stage text, payload text, tokens integer,
    flops real, flops_formula real, wall_s real, energy_j real, energy_known text);
create table if not exists uses (key text, student text, primary key (key, student));
"""
_AT_ONCE = 500  # keys in one query


@dataclass(frozen=True)
class Output:
    """A text, or where in a shard its logits are, and what making it cost."""

    key: str
    stage: str
    payload: dict[str, Any]
    tokens: int
    flops: float | None = None
    flops_formula: float | None = None
    wall_s: float | None = None
    energy_j: float | None = None
    energy_known: str | None = None


class TeacherCache:
    """The cache in ``folder``. Several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "outputs.sqlite", timeout=60)
        self._db.execute("pragma journal_mode=wal")
        self._db.executescript(_SCHEMA)

    def get(self, keys: Sequence[str]) -> dict[str, Output]:
        """The entries that are there, by key."""
        found = {}
        for part in _parts(keys):
            marks = ",".join("?" * len(part))
            query = f"select * from outputs where key in ({marks})"
            for row in self._db.execute(query, part):
                found[row[0]] = Output(row[0], row[1], json.loads(row[2]), *row[3:])
        return found

    def put(self, outputs: Iterable[Output]) -> None:
        rows = [
            (o.key, o.stage, json.dumps(o.payload), o.tokens, o.flops, o.flops_formula,
             o.wall_s, o.energy_j, o.energy_known)
            for o in outputs
        ]  # fmt: skip
        with self._db:
            self._db.executemany("insert or replace into outputs values (?,?,?,?,?,?,?,?,?)", rows)

    def use(self, keys: Iterable[str], student: str) -> None:
        """Note that ``student`` is made from these entries."""
        with self._db:
            rows = [(key, student) for key in set(keys)]
            self._db.executemany("insert or ignore into uses values (?,?)", rows)

    def shared_costs(self, student: str) -> list[SharedCost]:
        """Costs of all that ``student`` uses, by stage. A sum is null if a part of it is not known,
        and its energy estimated if a part of it is ('estimated' is before 'measured')."""
        query = """
            with mine as (select key from uses where student = ?),
                 shared as (select key, count(*) as n from uses
                            where key in (select key from mine) group by key)
            select stage, sum(tokens),
                   case when count(flops) = count(*) then sum(flops) end,
                   case when count(flops_formula) = count(*) then sum(flops_formula) end,
                   case when count(wall_s) = count(*) then sum(wall_s) end,
                   case when count(energy_j) = count(*) then sum(energy_j) end,
                   min(energy_known), sum(coalesce(flops, flops_formula)),
                   sum(coalesce(flops, flops_formula) / n), count(*), sum(1.0 / n)
            from outputs join shared using (key) group by stage"""
        costs = []
        for row in self._db.execute(query, (student,)):
            share = row[7] / row[8] if row[8] else row[9] / row[10]
            costs.append(SharedCost(*row[:7], share))  # type: ignore[call-arg]
        return costs

    @property
    def logits(self) -> Path:
        """The folder of the shards."""
        return self.folder / "logits"

    def close(self) -> None:
        self._db.close()


def key_of(**parts: Any) -> str:
    """SHA-256 of everything that sets an output."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _parts(keys: Sequence[str]) -> Iterable[list[str]]:
    unique = list(dict.fromkeys(keys))
    return (unique[at : at + _AT_ONCE] for at in range(0, len(unique), _AT_ONCE))
