"""Small files that unpack to gigabytes, and patterns that would take all memory: one sentence, in
seconds, within a gigabyte."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from distilbench.errors import InputError
from distilbench.interchange import Naming
from distilbench.interchange._import import _read
from distilbench.interchange._imported import number, share, whole
from distilbench.interchange._importer import all_importers
from distilbench.tasks._extract import extract
from distilbench.tasks._pattern import check_pattern
from distilbench.tasks._rows import read_rows
from distilbench.tasks._spec import FileTask
from distilbench.transcripts import read_log_header, read_log_samples

UNPACKED = 512 << 20  # as good as gigabytes: 64 MiB are read at most
CHUNK = b" " * (1 << 24)


def bomb(path: Path, member: str) -> Path:
    """An archive of a log one member of which is 3 GiB of blanks."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("_journal/start.json", "{}")
        with archive.open(member, "w", force_zip64=True) as stream:
            for _ in range(UNPACKED // len(CHUNK)):
                stream.write(CHUNK)
    return path


@pytest.mark.parametrize("member", ["samples/1_epoch_1.json", "header.json"])
def test_a_log_of_megabytes_that_unpacks_to_gigabytes(member: str, tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.eval", member)
    assert path.stat().st_size < 4 << 20
    read = read_log_header if member == "header.json" else lambda p: list(read_log_samples(p))
    with pytest.raises(InputError, match=rf"bomb\.eval: member '{member}'.*512 MiB.*over 64"):
        read(path)


def test_a_member_that_says_it_is_smaller_than_it_is_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/1_epoch_1.json", " " * 100_000)
    raw = path.read_bytes()
    path.write_bytes(raw.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(InputError, match=r"a\.eval"):
        list(read_log_samples(path))


def test_an_archive_that_points_before_its_beginning_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/1_epoch_1.json", "{}")
    raw = bytearray(path.read_bytes())
    del raw[3:5]  # found by fuzzing: the directory's place is then behind where it stands
    path.write_bytes(bytes(raw))
    for read in (read_log_header, lambda p: list(read_log_samples(p))):
        with pytest.raises(InputError, match=r"a\.eval: is no Inspect log"):
            read(path)


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b" " * 4096])
def test_gzip_that_unpacks_to_gigabytes(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    piece = line * ((16 << 20) // len(line))
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for _ in range(20):
            stream.write(piece)
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: holds more than"):
        read_rows(FileTask(file=path, name="t"), path)


def test_parquet_whose_rows_all_repeat_one_long_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"question": ["x" * 1_000_000]}).select(
        pl.col("question").repeat_by(1000).explode()
    ).write_parquet(path)
    assert path.stat().st_size < 10 << 20
    with pytest.raises(InputError, match=r"a\.parquet: holds more than 256 MiB"):
        read_rows(FileTask(file=path, name="t"), path)
    pl.DataFrame({"n": pl.repeat(1, 1_000_001, eager=True)}).write_parquet(path)
    with pytest.raises(InputError, match=r"a\.parquet: holds more than 1,000,000 rows"):
        read_rows(FileTask(file=path, name="t"), path)


@pytest.mark.parametrize("name", ["results_1.json", "bench.jsonl"])
def test_a_json_text_too_large_to_hold(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b'{"avg_ts": [' + b"[]," * (22 << 20) + b"[]]}")
    with pytest.raises(InputError, match="larger than 64 MiB"):
        _read(path, Naming(), all_importers())


def test_numbers_too_large_for_any_record_are_none() -> None:
    """Found by fuzzing: Python's whole numbers have no end, its floats have."""
    assert [number(v) for v in (10**400, -(10**400), float("inf"), float("nan"), 7)] == [
        None, None, None, None, 7.0,
    ]  # fmt: skip
    assert [share(v) for v in (10**400, float("nan"), 1, 0.5, -1)] == [None, None, 1.0, 0.5, None]
    assert whole(10**400) is None


@pytest.mark.parametrize(
    "pattern",
    ["((a{1000}){1000}){1000}", "a{100000000}", "(?x)#[\n(?:(?:a{1000}){1000}){1000}"],
)
def test_patterns_whose_counted_repeats_multiply_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="counted repeats multiply"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\d{4}-\d{2}-\d{2}", "(a{0,3000}){0,3000}", r"(\d{1,20}) {2}\w{1,50}"]
)
def test_patterns_that_fit_are_not(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a", "(" * 5000 + ")" * 5000, "a" * 20_000])
def test_what_is_no_pattern_is_said(pattern: str) -> None:
    with pytest.raises(ValueError, match="'pattern'"):
        check_pattern(pattern)


def test_a_pattern_that_backtracks_without_end_is_no_wrong_answer() -> None:
    with pytest.raises(ValueError, match="took over 1 s"):
        extract("a" * 30_000 + "b", "regex", "(a+)+$")


def test_a_suite_with_such_a_pattern_is_one_sentence(tmp_path: Path) -> None:
    from distilbench.suite import load_suite

    (tmp_path / "a.jsonl").write_text(json.dumps({"question": "q", "answer": "1"}))
    task = {
        "file": str(tmp_path / "a.jsonl"),
        "extract": "regex",
        "pattern": "((a{999}){999}){999}",
    }
    with pytest.raises(InputError, match=r"tasks\[0\].*counted repeats multiply"):
        load_suite({"name": "s", "models": [{"source": "inspect:mockllm/m"}], "tasks": [task]})
