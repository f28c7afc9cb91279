"""One bit of a run's files turned over: told, or of no effect; never another value."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import polars as pl
import pytest

from distilbench.errors import InputError
from distilbench.files import read_json, read_parquet, write_json, write_parquet, write_sealed
from distilbench.inspect_private import patch_zipfile
from distilbench.meter import read_stretches
from distilbench.runner import joined, load_cells, question_sets, run_suite
from distilbench.seals import sealed, unsealed
from distilbench.transcripts import read_log, read_log_samples
from tests.made_run import Answer, make
from tests.tiny_gguf import tiny_gguf

SUITE = """
name: t
models: [model.gguf]
tasks: [{file: q.jsonl, name: sums}]
profiles: [{slots: 1, context: 128, threads: 1}]
limits: {max_tokens: 4}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tiny_gguf(folder / "model.gguf")
    rows = (f'{{"question": "{i}+1?", "answer": "{i + 1}"}}\n' for i in range(20))
    (folder / "q.jsonl").write_text("".join(rows))
    (folder / "t.yaml").write_text(SUITE)
    done = run_suite(folder / "t.yaml", folder / "runs")
    assert done.complete
    return done.run_dir


def as_told(run: Path) -> Any:
    """All that reports and exports are made of."""
    samples, cells = joined(run, load_cells(run))
    return samples.collect().to_dicts(), cells.to_dicts(), question_sets(run), load_cells(run)


def facts(run: Path) -> Any:
    return read_json(run / "run.json")


def tables(run: Path) -> Any:
    return [read_parquet(run / f"{name}.parquet").to_dicts() for name in ("samples", "cells")]


def samples_of_our_own(log: Path) -> Any:
    return read_log(log).samples or ()


def transcripts(run: Path) -> Any:
    (log,) = run.glob("cells/*/logs/*.eval")
    return [sample.model_dump() for sample in samples_of_our_own(log)]


def seen(run: Path) -> Any:
    (file,) = run.glob("cells/*/machine.jsonl")
    return read_stretches(file)


CASES: dict[str, tuple[int, Callable[[Path], Any]]] = {
    "cells/*/samples.parquet": (400, as_told),
    "cells/*/cell.json": (100, as_told),
    "cells/*/shard.json": (100, as_told),
    "questions/*.json": (100, as_told),
    "run.json": (100, facts),
    "samples.parquet": (100, tables),
    "cells.parquet": (100, tables),
    "cells/*/machine.jsonl": (200, seen),
    "cells/*/logs/*.eval": (40, transcripts),
}
"""Turned bits of each file, and what reads it."""


@pytest.mark.model
@pytest.mark.parametrize("file", CASES)
def test_no_turned_bit_changes_a_value_unseen(file: str, run: Path) -> None:
    flips, read = CASES[file]
    (path,) = run.glob(file)
    whole, before = path.read_bytes(), read(run)
    chosen, ended = random.Random(14), Counter[str]()
    try:
        for bit in chosen.sample(range(8 * len(whole)), min(flips, 8 * len(whole))):
            damaged = bytearray(whole)
            damaged[bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            try:
                ended["the same" if read(run) == before else "changed unseen"] += 1
            except InputError as error:
                ended["told" if str(path) in str(error) else "told of another file"] += 1
    finally:
        path.write_bytes(whole)
    made_again = file.endswith("s/*/samples.parquet")  # from the log beside it
    assert set(ended) <= {"the same", "told"}, ended
    if file.endswith(".eval"):  # a ZIP file holds some fields that say nothing, as dates
        assert ended["told"] >= 0.9 * flips, ended
    elif read is tables:  # its seal begins with a mark, which says nothing else
        assert ended["told"] >= 0.97 * flips, ended
    else:
        assert ended["the same" if made_again else "told"] == flips, ended


def bits_of_the_directory(log: Path) -> Iterator[int]:
    """Those of the lengths of each entry's name, extra field and comment, and of the end of its
    name: by the ZIP specification at byte 28 and from byte 46 on."""
    patch_zipfile()
    with ZipFile(log) as archive:
        place = archive.start_dir
        for name in archive.namelist():
            named = place + 46 + len(name)
            places = (*range(place + 28, place + 34), *range(named - 15, named))
            yield from (8 * byte + bit for byte in places for bit in range(8))
            place = named


def test_no_turned_bit_of_a_logs_directory_loses_a_sample(tmp_path: Path) -> None:
    """zipfile passes over all entries behind one whose comment seems longer, and looks for a member
    by its name, which may have become another's."""
    run = make(tmp_path, {("a", "sums"): [Answer("2", True)] * 3})
    (log,) = run.glob("cells/*/logs/*.eval")
    whole, path = log.read_bytes(), tmp_path / "a.eval"
    told: Counter[str] = Counter()
    for bit in bits_of_the_directory(log):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        for read in (samples_of_our_own, read_log_samples):
            try:
                found = [sample.id for sample in read(path)]
            except InputError:
                told[read.__name__] += 1
            else:
                assert found == ["sums-1", "sums-2", "sums-3"], bit
    assert told["samples_of_our_own"] >= told["read_log_samples"] > 800, told


@pytest.mark.model
@pytest.mark.parametrize(
    "file", ["run.json", "questions/*.json", "cells/*/cell.json", "cells/*/samples.parquet",
             "samples.parquet"],
)  # fmt: skip
def test_what_can_be_made_again_is(file: str, run: Path) -> None:
    before = as_told(run)
    (path,) = run.glob(file)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    done = run_suite(run.parent.parent / "t.yaml", run.parent)
    assert done.complete
    assert as_told(run) == before
    if path.name != "run.json":  # which has a time
        assert path.read_bytes() == whole


@pytest.mark.model
@pytest.mark.parametrize("file", ["logs/*.eval", "machine.jsonl"])
def test_what_a_run_would_go_on_from_is_looked_at_first(
    file: str, run: Path, tmp_path: Path
) -> None:
    """Of a cell that was not finished: told before its model is loaded."""
    shutil.copytree(run, tmp_path / "t")
    for name in ("cell.json", "shard.json", "samples.parquet"):
        next((tmp_path / "t").glob(f"cells/*/{name}")).unlink()
    (path,) = (tmp_path / "t").glob(f"cells/*/{file}")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    heard: list[object] = []
    with pytest.raises(InputError, match=f"{path.name}.*is damaged; .* or remove it"):
        run_suite(run.parent.parent / "t.yaml", tmp_path, heard.append)
    assert not heard


def test_tables_are_read_by_others_as_before(tmp_path: Path) -> None:
    """The checksum stands where no reader of Parquet looks."""
    path, table = tmp_path / "t.parquet", pl.DataFrame({"a": range(5000), "b": ["x"] * 5000})
    write_parquet(path, table)
    assert b"distilbench sha256" in path.read_bytes()
    assert read_parquet(path).equals(table)
    assert pl.read_parquet(path).equals(table)
    assert pl.scan_parquet(path).filter(pl.col("a") > 4990).collect().height == 9
    arrow = pytest.importorskip("pyarrow.parquet")
    assert arrow.read_table(path).to_pydict() == table.to_dict(as_series=False)


def test_what_others_wrote_has_no_seal_and_is_read(tmp_path: Path) -> None:
    table = pl.DataFrame({"a": [1]})
    table.write_parquet(tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet").equals(table)
    write_json(tmp_path / "a.json", {"a": 1})
    assert read_json(tmp_path / "a.json") == {"a": 1}
    write_sealed(tmp_path / "a.json", {"a": 1})
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("change", [b'{\n"sha256": ', b'{"a": 2, "sha256": '])
def test_a_seal_that_was_moved_is_none(change: bytes) -> None:
    """As by an editor that sorts or indents: what is behind it may have been changed too."""
    assert unsealed(sealed('{"a": 1}').replace(b'{"sha256": ', change)) is None
