"""What a paper takes from a run: figures, tables, methods, references."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from distilbench.catalog import Source, load_catalog
from distilbench.claims import check_claims
from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.errors import InputError
from distilbench.report import Cell, Chart, Table, read_run
from distilbench.report.paper import (
    References,
    contents_of_claims,
    contents_of_run,
    drawn,
    methods,
    table_text,
)
from distilbench.report.paper import _against as against
from distilbench.report.paper import _latex as latex
from distilbench.report.paper import _references as references
from tests.made_runs import made_run
from tests.test_report import HOSTILE, TASKS, make_run, sample

STUDENT, BASE = "deepseek-r1-distill-llama-8b", "llama-3.1-8b"
FLOPS = {STUDENT: 1e12, BASE: 4e12}
PLANNED = {
    "sums": {"reasoning_gym": "basic_arithmetic", "questions": 40, "fewshot": 4, "extract": "whole",
             "grader": "exact", "max_tokens": 32, "params": {"max_terms": 2}},
    "gsm": {"inspect": "inspect_evals/gsm8k", "args": {}, "max_tokens": 512},
    "own": {"file": "/home/someone/secret/own.jsonl", "fewshot": 0, "extract": "last_number",
            "grader": "math", "max_tokens": 64},
}  # fmt: skip
RECORDED = {
    "model_sha256": "ab" * 32, "temperature": 0.6, "top_p": 0.95, "sampling_source": "the suite",
    "epochs": 1, "engine": "llama.cpp (xllamacpp)", "engine_version": "2026.1",
    "engine_build": "CPU: AVX2, OPENMP", "unused_features": "AVX512",
    "hardware": "a machine", "memory_limit_bytes": 2 << 30, "enforcement": "cgroup v2",
}  # fmt: skip


def planned_run(folder: Path) -> Path:
    """A run of a distilled model and its base, both with a card, whose plan knows the tasks."""
    rows = [
        sample(model, task, n, n % 5 < (3 if model == STUDENT else 2), flops=FLOPS[model])
        for model in (STUDENT, BASE)
        for task in PLANNED
        for n in range(40)
    ]
    run = make_run(folder, rows)
    cells = pl.read_parquet(run / "cells.parquet")
    cells = cells.with_columns(
        *(pl.lit(value, cells.schema[name]).alias(name) for name, value in RECORDED.items()),
        card=pl.col("model"),
        role=pl.lit(None, pl.String),
        data_revision=pl.when(pl.col("task") == "gsm").then(pl.lit("0a1b2c3")),
    )
    cells.write_parquet(run / "cells.parquet")
    facts = json.loads((run / "run.json").read_text())
    facts["plan"] = [
        {"name": f"{model}--{task}", "model": {"name": model, "source": f"/models/{model}.gguf"},
         "task": {"name": task, **spec}, "task_hash": "cd" * 32}
        for model in (STUDENT, BASE)
        for task, spec in PLANNED.items()
    ]  # fmt: skip
    facts["versions"] = {
        "distilbench": "0.1.0", "inspect-ai": "0.3.285", "xllamacpp": "2026.1",
        "reasoning-gym": "0.1.25",
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(facts))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planned_run(tmp_path_factory.mktemp("paper"))


@pytest.fixture(scope="module")
def data(run: Path) -> Any:
    return read_run(run)


@pytest.fixture(scope="module")
def contents(data: Any) -> Any:
    return contents_of_run(data)


def said(data: Any) -> dict[str, str]:
    paragraphs, _ = methods(data)
    return {one.title: " ".join(text for text, _ in one.sentences) for one in paragraphs}


def run_cli(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    # Records of a made run cannot be brought up to date from cells that it does not have.
    monkeypatch.setattr("distilbench.runner.bring_up_to_date", lambda run_dir: None)
    monkeypatch.chdir(folder)
    return run_command(app, arguments)


# Figures


def test_a_figure_is_a_pdf_of_vectors_with_its_fonts_and_the_width_of_a_column(
    contents: Any,
) -> None:
    made = drawn(contents.figure("accuracy-by-task"), "pdf", 84.0)
    assert made.startswith(b"%PDF")
    (box,) = re.findall(rb"/MediaBox ?\[([\d. ]+)\]", made)
    assert float(box.split()[2]) == pytest.approx(84 / 25.4 * 72, abs=0.05)
    assert b"/FontFile2" in made  # embedded
    assert re.findall(rb"/BaseFont ?/[A-Z]{6}\+([\w-]+)", made)[0].startswith(b"LiberationSans")
    assert b"/Subtype /Image" not in made
    assert b"/Subtype/Image" not in made


@pytest.mark.parametrize("width_mm", [84.0, 178.0])
def test_text_of_a_figure_is_eight_points_at_any_width(contents: Any, width_mm: float) -> None:
    svg = drawn(contents.figure("accuracy-flops"), "svg", width_mm).decode()
    (points,) = re.findall(r'<svg [^>]*? width="([\d.]+)pt"', svg)
    (pixels,) = re.findall(r'viewBox="0 0 ([\d.]+) ', svg)
    assert float(points) == pytest.approx(width_mm / 25.4 * 72, abs=0.02)
    sizes = {float(size) for size in re.findall(r'font-size="([\d.]+)px"', svg)}
    assert max(sizes) * float(points) / float(pixels) == pytest.approx(8, rel=0.02)


def test_a_png_has_300_dots_an_inch(contents: Any) -> None:
    png = drawn(contents.figure("accuracy-flops"), "png", 84.0)
    assert struct.unpack(">I", png[16:20])[0] == pytest.approx(84 / 25.4 * 300, abs=2)


def test_every_cost_that_is_known_has_a_figure(contents: Any) -> None:
    wanted = {"cost-flops", "cost-total-s", "cost-peak-memory-mib", "cost-creation-lineage"}
    assert wanted <= set(contents.figures)
    assert "cost-energy-j" not in contents.figures  # no sensor
    spec = contents.figure("cost-flops").chart.to_dict()
    rows = re.findall(r'"entry": "([^"]+)", [^}]*?"cost": ([\d.e+]+)', json.dumps(spec))
    assert {entry: float(cost) for entry, cost in rows} == FLOPS


def test_names_beside_points_hide_no_other() -> None:
    rows = [
        {"entry": f"model-{n}-of-many", "cost": 1e9 * 1.25**n, "accuracy": 0.5 + 0.01 * (n % 4),
         "low": 0.4, "high": 0.6, "role": "vanilla", "family": f"f{n}"}
        for n in range(15)
    ]  # fmt: skip
    named = against._named(rows)
    assert [row["name"] for row in named] == [str(n) for n in range(1, 16)]  # names have no room
    assert against._key(named).startswith(" 1 model-0-of-many; 2 model-1-of-many; ")
    assert [row["name"] for row in against._named(rows[::5])] == [
        "model-0-of-many", "model-5-of-many", "model-10-of-many",
    ]  # fmt: skip
    ends, top = against._ends(rows)
    placed, all_found = against._placed(named, ends, top)
    assert all_found
    boxes = [
        against._box(
            against._across(row["cost"], ends) * against._WIDE,
            (1 - row["accuracy"] / top) * against._HIGH,
            place,
            len(row["name"]),
        )
        for place, found in placed.items()
        for row in found
    ]
    assert len(boxes) == 15
    hidden = [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
    ]
    assert hidden == []


def test_a_name_that_no_drawing_can_hold_ends_no_process() -> None:
    import altair as alt

    rows = [{"entry": "a\x1b[2J\x00\ufffe", "x": 1}]
    chart = alt.Chart(alt.InlineData(values=rows)).mark_text().encode(x="x:Q", text="entry:N")
    assert drawn(Chart("f", "c", "a", chart), "pdf").startswith(b"%PDF")


# LaTeX and Markdown

BACK = [
    (r"\textbackslash{}", "\\"), (r"\textbraceleft{}", "{"), (r"\textbraceright{}", "}"),
    (r"\textasciicircum{}", "^"), (r"\textasciitilde{}", "~"), (r"\textless{}", "<"),
    (r"\textgreater{}", ">"), (r"\textbar{}", "|"), (r"\textasciigrave{}", "`"),
    (r"{\char34}", '"'), ("{[}", "["), ("{]}", "]"), ("{*}", "*"),
    *((rf"\{c}", c) for c in "$&#%_"),
]  # fmt: skip


def typeset(text: str) -> str:
    """What LaTeX makes of it, by its own rules: commands become their signs, groups vanish."""
    text = text.replace(r"\allowbreak{}", "")
    made, i = "", 0
    while i < len(text):
        for command, sign in BACK:
            if text.startswith(command, i):
                made, i = made + sign, i + len(command)
                break
        else:
            if text.startswith("{}", i):  # keeps two signs apart
                i += 2
                continue
            assert text[i] not in '\\{}$&#%_^~<>|`"[]*', f"{text[i]!r} stands bare in {text!r}"
            made, i = made + text[i], i + 1
    return made


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_text_is_set_as_it_stands(text: str) -> None:
    made = latex.escaped(text)
    assert typeset(made) == " ".join(text.split())
    assert not re.search(r"--|,,|''|[?!]`", made)  # ligatures would change it


def test_signs_beyond_ascii_are_commands_and_what_is_no_character_is_left_out() -> None:
    assert latex.escaped("≥ 2 ≈ 3 – †") == r"$\geq$ 2 $\approx$ 3 -- \textdagger{}"
    assert latex.escaped("a\x1b\u202eb\x00\n c") == "a b c"
    assert latex.escaped("Köln") == "Köln"


def test_a_table_is_booktabs_with_the_figures_of_the_page(contents: Any, data: Any) -> None:
    made = contents.table("quality-best-first", ["model", "accuracy"])
    text = table_text(made, "quality", "latex", References(data.catalog))
    for part in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:quality}"):
        assert text.count(part) == 1
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    rows = [line.strip().removesuffix(r"\\").strip() for line in body.splitlines() if "&" in line]
    # 3 and 2 of every 5 questions are right.
    assert rows == [rf"{STUDENT} & 60.0\%", rf"{BASE} & 40.0\%"]


def test_ways_of_knowing_are_seen_and_said() -> None:
    cells = (
        "1",
        Cell("-2.5", kind="derived"),
        Cell("3", kind="estimated"),
        Cell("4", kind="published"),
    )
    made = Table("What", ("a", "b", "c", "d"), [cells])
    text = latex.table(made, "what", {})
    assert r"1 & \textit{$-$2.5} & $\approx$\,3 & \underline{4} \\" in text
    assert "Italics: derived by a formula; $\\approx$: estimated; underlined: published" in text
    assert r"{@{}rrrr@{}}" in text


def test_many_rows_run_over_pages_and_a_row_may_begin_with_anything() -> None:
    rows = [("[1] * 2", str(n)) for n in range(60)]
    text = latex.table(Table("Long", ("a", "b"), rows), "long", {})
    assert r"\begin{longtable}" in text
    assert text.count(r"{[}1{]} {*} 2 & ") == 60
    shares = [float(share) for share in re.findall(r"dimexpr([\d.]+)\\linewidth", text)]
    assert sum(shares) == pytest.approx(1, abs=0.001)


def test_a_table_is_markdown_too(contents: Any, data: Any) -> None:
    made = contents.table("quality-best-first", ["model", "accuracy"])
    text = table_text(made, "quality", "markdown", References(data.catalog))
    assert text.splitlines()[2:] == [
        "| model | accuracy |", "| --- | ---: |", f"| {STUDENT} | 60.0% |", f"| {BASE} | 40.0% |",
    ]  # fmt: skip


def test_the_pairs_of_a_run_are_a_table(contents: Any) -> None:
    made = contents.table("pairs")
    (row,) = [dict(zip(made.columns, cells, strict=True)) for cells in made.cells()]
    assert (row["distilled"].text, row["counterpart"].text) == (STUDENT, BASE)
    assert row["difference in points"].text == "+20.0"
    assert row["FLOPs"] == Cell("0.25", kind="derived")
    assert "(student)" in row["creation"].text
    assert "dollars" not in row  # no price


# Methods


def test_methods_say_what_the_records_know(data: Any) -> None:
    text = said(data)
    assert (
        "We measured 2 models with distilbench 0.1.0, which asks through Inspect 0.3.285."
        in (text["Models"])
    )
    assert (
        f"{STUDENT}: distilled, 135M parameters, Q4_1, from {STUDENT}.gguf, file of 100 MiB with"
        " SHA-256 abababababababab...." in text["Models"]
    )
    assert (
        "sums: 40 questions generated by reasoning-gym 0.1.25 (data set basic_arithmetic with"
        " max_terms 2), 4 worked examples, answers read as 'whole' and graded as 'exact', at most"
        " 32 tokens an answer, SHA-256 cdcdcdcdcdcdcdcd...." in text["Tasks"]
    )
    assert (
        "gsm: 40 questions of the Inspect task inspect_evals/gsm8k at commit 0a1b2c3, asked and"
        in (text["Tasks"])
    )
    assert "own: 40 questions from the file own.jsonl, no examples" in text["Tasks"]
    assert "secret" not in text["Tasks"]
    assert (
        "Answers were sampled at temperature 0.6, top-p 0.95, by the suite. Seeds of questions,"
        " examples and sampling: 0; every question was asked once for each seed."
        in text["Prompts and sampling"]
    )
    machine = text["Engine, hardware and limits"]
    assert "Engine: llama.cpp (xllamacpp), version 2026.1." in machine
    assert (
        "llama.cpp was compiled for CPU: AVX2, OPENMP; instruction sets of the processor that it"
        " does not use: AVX512."
    ) in machine
    assert "Limits of profile p: 2,048 MiB of memory (enforced by: cgroup v2)." in machine
    assert "above a margin of -5 percentage points" in text["Statistics"]
    assert "Energy is not available: no sensor told it." in text["Costs"]


def test_methods_claim_nothing_that_is_not_recorded(tmp_path: Path) -> None:
    rows = [sample("m", "t", n, True, flops=None) for n in range(4)]
    text = said(read_run(make_run(tmp_path, rows)))
    assert "m: role not recorded" not in text["Models"]  # make_run gives one
    assert "hash of its weights not recorded" in text["Models"]
    assert "t: 4 questions of an origin that is not recorded." in text["Tasks"]
    assert "sampled at a temperature that is not recorded" in text["Prompts and sampling"]
    for word in ("paired", "Zou", "inferior", "pass@k", "Bell", "bootstrap"):
        assert word not in text["Statistics"]  # one model, one task, no clusters
    assert "FLOPs" not in text["Costs"]


def test_by_likelihood_nothing_is_read_of_an_answer_or_sampled(tmp_path: Path) -> None:
    """A plan holds every field of a task, those of written answers too, at their defaults."""
    fields = {"file": "q.jsonl", "likelihood": "acc_norm", "scored": "text", "blank": None,
              "extract": "choice", "grader": "exact", "max_tokens": 512, "fewshot": 0}  # fmt: skip
    data = read_run(made_run(tmp_path / "r", {"m": {"t": [True, False]}}, task_fields=fields))
    text = said(data)
    assert (
        "t: 2 questions from the file q.jsonl, no examples, nothing written, the choice of the"
        " highest log-likelihood of its text over its characters (acc_norm) taken, without a chat"
        " template, SHA" in text["Tasks"]
    )
    assert (
        "On t nothing was sampled: choices were told by likelihood."
        in (text["Prompts and sampling"])
    )
    for word in ("greedy", "graded", "512"):
        assert word not in text["Tasks"] + text["Prompts and sampling"]
    table = contents_of_run(data).table("tasks", ["answer", "graded"])
    assert [str(getattr(cell, "text", cell)) for cell in table.rows[0]] == [
        "log-likelihood of its text over its characters (acc_norm)", "the likeliest"
    ]  # fmt: skip


def test_a_question_under_two_seeds_is_one_question(tmp_path: Path) -> None:
    """A file's four questions were asked with two seeds: the tables of the page say four."""
    rows = [sample("m", "t", n, True, seed=seed) for seed in (0, 1) for n in range(4)]
    data = read_run(make_run(tmp_path, rows))
    assert data.tasks["n_questions"].to_list() == [4]
    assert "t: 4 questions of an origin" in said(data)["Tasks"]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"cluster": "one source"}, "bell2002"),
        ({"score": 0.5}, None),
    ],
)
def test_each_method_is_cited_where_it_was_used(
    tmp_path: Path, more: dict[str, Any], key: str | None
) -> None:
    rows = [sample("m", "t", n, n % 2 == 0) | (more if n < 4 else {}) for n in range(8)]
    _, cite = methods(read_run(make_run(tmp_path, rows)))
    assert ("bell2002" in cite.entries) == (key == "bell2002")
    assert ("skellam1948" in cite.entries) == (key == "bell2002")
    assert ("wilson1927" in cite.entries) == ("score" not in more)


# References


def parsed(bibtex: str) -> dict[str, dict[str, str]]:
    """A strict reading of BibTeX: fields in balanced braces, keys once each, ASCII alone."""
    assert bibtex.isascii()
    found: dict[str, dict[str, str]] = {}
    rest = bibtex
    while rest.strip():
        head = re.match(r"\s*@(article|book|inproceedings|misc)\{([A-Za-z0-9.:\-]+),\n", rest)
        assert head, rest[:80]
        assert head[2] not in found
        rest, fields = rest[head.end() :], {}
        while not rest.startswith("}"):
            name = re.match(r"  ([a-z]+) = \{", rest)
            assert name, rest[:80]
            depth, i = 1, name.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(rest[i], 0)
                i += 1
            fields[name[1]] = rest[name.end() : i - 1]
            after = re.match(r",?\n", rest[i:])
            assert after, rest[i : i + 40]
            rest = rest[i + after.end() :]
        found[head[2]] = fields
        rest = rest[1:]
    return found


def test_references_are_bibtex_and_hold_what_was_used(data: Any) -> None:
    _, cite = methods(data)
    found = parsed(cite.bibtex())
    assert {
        "distilbench", "inspect-ai", "llama.cpp", "reasoning-gym", "gsm8k", "inspect-evals",
        "math-verify", "wani2026", "miller2024", "wilson1927", "zou2008", "holm1979",
    } <= set(found)  # fmt: skip
    # The sources of the cards' figures, those of base and teacher too, since there is a recipe.
    assert {"deepseek-r1-nature", "llama-3.1-model-card", "deepseek-v3"} <= set(found)
    assert found["miller2024"]["eprint"] == "2411.00640"
    assert found["miller2024"]["year"] == "2024"
    assert found["reasoning-gym"]["author"].endswith(r"K{\"o}pf, Andreas")
    assert found["llama.cpp"]["note"] == "{xllamacpp 2026.1}"
    assert found["inspect-ai"]["note"] == "{Version 0.3.285}"
    assert all("title" in fields for fields in found.values())
    assert all("author" in fields or "key" in fields for fields in found.values())


def test_every_work_and_every_source_of_the_catalog_can_be_cited() -> None:
    catalog = load_catalog()
    cite = References(catalog)
    for key, source in catalog.sources.items():
        cite.source(key, source)
    for key in references._known("works"):
        cite.work(key)
    for name in references._known("benchmarks"):
        assert cite.benchmark(f"inspect_evals/{name}")
    found = parsed(cite.bibtex())
    assert len(found) > 120
    assert "/shared/" not in cite.bibtex()
    needed = {"article": ("author", "title", "journal", "year"), "book": ("author", "publisher")}
    for key, fields in cite.entries.items():
        assert set(needed.get(fields.get("type", "misc"), ("title",))) <= set(fields), key
    unknown = set(references._known("authors")) - set(catalog.sources)
    assert unknown == set()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("inspect_evals/mmlu_0_shot", "mmlu"), ("inspect_evals/mmlu_pro", "mmlupro"),
        ("inspect_evals/arc_challenge", "arc"), ("distilbench/math_500", "math500"),
        ("inspect_evals/aime2025", "aime"), ("inspect_evals/humaneval", "chen2021"),
        ("inspect_evals/gpqa_diamond", "gpqa"), ("other/s1k", None), ("other/mathematics", None),
        ("no_such_package_at_all/x", None),
    ],
)  # fmt: skip
def test_a_benchmark_is_cited_by_its_own_paper(name: str, key: str | None) -> None:
    assert References(load_catalog()).benchmark(name) == key


def test_two_publications_of_one_key_are_two_entries() -> None:
    cite = References(load_catalog())
    one = Source(title="50% of {it}: A_B & more", url=None)
    other = Source(title="Another", url="https://example.org/a b?x={1}")  # type: ignore[arg-type]
    assert [cite.source("report", one), cite.source("report", other)] == ["report", "report-2"]
    assert cite.source("report", one) == "report"
    found = parsed(cite.bibtex())
    assert (
        found["report"]["title"] == r"{50\% of \textbraceleft{}it\textbraceright{}: A\_B \& more}"
    )
    assert " " not in found["report-2"]["url"]


def test_the_file_of_works_has_each_key_once() -> None:
    text = (Path(references.__file__).parent / "works.yaml").read_text()
    keys = re.findall(r"^  ([\w.\-]+):", text, re.MULTILINE)
    assert len(yaml.safe_load(text)) == 3
    assert len(keys) == len(set(keys))
    assert len(keys) > 70


# Commands


def test_without_a_name_the_names_are_listed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(monkeypatch, tmp_path, "figure", str(run)) == 0
    listed = capsys.readouterr().out
    assert "accuracy-by-task" in listed
    assert "cost-creation-lineage" in listed
    assert run_cli(monkeypatch, tmp_path, "figure", "acuracy-by-task", str(run)) == 2
    wrong = capsys.readouterr().err
    assert "figure 'acuracy-by-task': run made has none of that name" in wrong
    assert "use one of: accuracy-by-task" in wrong


def test_a_figure_and_a_table_are_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_cli(monkeypatch, tmp_path, "figure", "accuracy-flops", str(run), "--width", "2in") == 0
    )
    made = (tmp_path / "accuracy-flops.pdf").read_bytes()
    assert b"144 " in re.findall(rb"/MediaBox ?\[[\d. ]+\]", made)[0]
    assert run_cli(monkeypatch, tmp_path, "table", "pairs", str(run), "--margin", "2") == 0
    printed = capsys.readouterr().out
    assert "at a margin of 2 percentage points" in printed
    assert printed.endswith("\\end{table}\n")
    for wrong in (["--column", "none"], ["--margin", "nan"], ["--margin", "0"]):
        assert run_cli(monkeypatch, tmp_path, "table", "pairs", str(run), *wrong) == 2
    assert run_cli(monkeypatch, tmp_path, "figure", "accuracy-flops", str(run), "--width", "5") == 2
    assert "--width: is '5'; give column, text, page" in capsys.readouterr().err


def test_the_name_of_its_file_is_the_form_of_a_figure(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn_to = ["figure", "accuracy-flops", str(run), "--out"]
    for name, magic in [("a.svg", b"<svg"), ("a.PNG", b"\x89PNG"), ("a", b"%PDF")]:
        assert run_cli(monkeypatch, tmp_path, *drawn_to, name) == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
    assert run_cli(monkeypatch, tmp_path, *drawn_to, "b.eps", "--format", "svg") == 0
    for words in (["c.svg", "--format", "pdf"], ["c.eps"], ["c.tex"]):
        assert run_cli(monkeypatch, tmp_path, *drawn_to, *words) == 2
        assert f"--out {words[0]}: " in capsys.readouterr().err
    assert not list(tmp_path.glob("c.*"))


@pytest.mark.parametrize(
    ("out", "said"),
    [("run.json", "lies among the files of the run itself"), ("cells/../run.json", "lies among"),
     ("samples.parquet", "lies among"), ("suite.yaml", "lies among"), ("", "is a folder"),
     ("s3://bucket/x.tex", "is a URL")],
)  # fmt: skip
def test_a_file_is_not_written_over_a_record_of_the_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, out: str, said: str
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    monkeypatch.chdir(copy)
    for command in (["table", "models"], ["figure", "accuracy-by-task"]):
        assert run_cli(monkeypatch, copy, *command, str(copy), "--out", out) == 2
        assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    assert run_cli(monkeypatch, copy, "paper", str(copy), "--out", "s3://bucket/x") == 2
    assert "--out s3://bucket/x: is a URL" in capsys.readouterr().err
    assert not (copy / "s3:").exists()


@pytest.mark.parametrize("name", ["references.bib", "paper.tex", "methods.tex", "methods.md"])
def test_somebody_elses_paper_is_not_written_over(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, name: str
) -> None:
    (tmp_path / name).write_text("months of work")
    for command in (["paper", str(run)], ["paper"]):
        assert run_cli(monkeypatch, tmp_path, *command, "--out", ".") == 2
        assert f"{name}: is not known to be distilbench's" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        (name, "months of work")
    ]


@pytest.mark.parametrize("name", ["planted.inner/task", "planted.inner", "planted/task", "../a/b"])
def test_a_benchmark_that_a_run_names_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """``run.json`` may come from a stranger, with a package beside it."""
    (tmp_path / "planted" / "inner").mkdir(parents=True)
    for folder in ("planted", "planted/inner"):
        (tmp_path / folder / "__init__.py").write_text("raise SystemExit('planted')")
    monkeypatch.syspath_prepend(tmp_path)
    assert references.References(load_catalog()).benchmark(name) is None
    assert "planted" not in sys.modules


def test_a_paper_holds_all_and_cites_nothing_that_it_lacks(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):  # its own may be written anew
        assert run_cli(monkeypatch, tmp_path, "paper", str(run), "--output", "out") == 0
    out = tmp_path / "out"
    figures = {path.stem for path in (out / "figures").iterdir()}
    assert {"accuracy-by-task", "cost-flops"} <= figures
    tables = {path.name for path in (out / "tables").iterdir()}
    assert {"pairs.tex", "pairs.md", "models.tex", "quality-best-first.md"} <= tables
    known = set(parsed((out / "references.bib").read_text()))
    tex = "".join(path.read_text() for path in [out / "methods.tex", *out.glob("tables/*.tex")])
    cited = {key for keys in re.findall(r"\\cite\{([^}]*)\}", tex) for key in keys.split(",")}
    assert cited == known
    markdown = (out / "methods.md").read_text()
    assert set(re.findall(r"@([\w.\-]+)", markdown)) <= known
    paper = (out / "paper.tex").read_text()
    for name in re.findall(r"\\(?:input|includegraphics)\{([^}]*)\}", paper):
        assert (out / name).exists() or (out / f"{name}.tex").exists()


@pytest.mark.long
def test_the_claims_have_figures_and_tables_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = partial(check_claims, draws=50)
    monkeypatch.setattr("distilbench.claims.check_claims", few)
    assert run_cli(monkeypatch, tmp_path, "figure", "tornado-student") == 0
    assert (tmp_path / "tornado-student.pdf").read_bytes().startswith(b"%PDF")
    found = contents_of_claims(few(load_catalog()))
    curves = [chart for name, chart in found.figures.items() if name.startswith("curve-")]
    assert len(curves) >= 20, "each benchmark against each compute that is known"
    first = curves[0].specification
    assert "DeepSeek-R1-Distill-Llama-8B" in curves[0].caption
    assert {layer["mark"]["type"] for layer in first["layer"]} == {"area", "line", "point", "text"}
    assert len(found.table("verdicts").rows) == 3
    with pytest.raises(InputError, match="use one of"):
        contents_of_run(read_run(planned_run(tmp_path))).table("none")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX system")
def test_latex_takes_the_paper_of_a_hostile_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (
        HOSTILE,
        r"\input{/etc/passwd}",
        "a_b^c~d%e$f#g&h{i}j",
        "[x] *y* -- ?` ≥",
        "quo\"te` '",
    )
    rows = [sample(m, t, n, n % 3 == 0) for m in names for t in (*TASKS, HOSTILE) for n in range(4)]
    run = make_run(tmp_path, rows, name="a_b % {")
    assert run_cli(monkeypatch, tmp_path, "paper", str(run)) == 0
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(
        command, cwd=tmp_path / "paper", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "root:" not in done.stdout
