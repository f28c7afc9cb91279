"""Cards beside tables and records of others, and who compared a figure with what."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from distilbench.catalog import (
    Catalog,
    CatalogCheck,
    Check,
    check_catalog,
    check_words,
    cited_figures,
    cited_in,
    load_catalog,
)
from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.errors import InputError

EXTRACTS = Path(__file__).parent / "data" / "catalog-check"
CHECK = {"by": "me", "against": "the paper, page 3", "on": "2026-11-28"}
A: dict[str, Any] = {
    "id": "a-7b", "name": "A 7B", "developer": "B", "family": "a", "role": "vanilla",
    "stage": "base", "released": "2026-01-31",
    "parameters": {"total": {"value": 7e9, "source": "s", "where": "table 1", "checked": CHECK}},
    "training": {"tokens": {"value": 1e12, "source": "s", "where": "section 2"}},
    "scores": [{"benchmark": "aime-2024", "value": 50.0, "metric": "pass@1", "mode": "cot",
                "shots": 0, "source": "s", "where": "table 2"}],
    "sources": {"s": {"title": "Paper", "url": "https://example.org"}},
}  # fmt: skip
HEADER = "Model,Parameters,Training compute (FLOP),Training dataset size (total),Publication date\n"
RECORD: dict[str, Any] = {
    "schema_version": "0.3.0", "model_info": {"id": "b/A-7B"},
    "evaluation_results": [
        {"evaluation_name": "AIME24", "metric_config": {"max_score": 1.0, "metric_name": "pass@1"},
         "score_details": {"score": 0.5}},
    ],
}  # fmt: skip
INDEX = """---
model-index:
- name: A-7B
  results:
  - dataset: {{name: AIME 2024, type: x}}
    metrics:
    - {{type: acc, value: {first}}}
  - dataset: {{name: IFEval, type: x}}
    metrics:
    - {{type: acc, value: {second}}}
---
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def mine(tmp_path: Path) -> Catalog:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "a.yaml").write_text(yaml.safe_dump(A))
    return load_catalog((tmp_path / "cards",))


def compared(tmp_path: Path, mine: Catalog, name: str, text: str) -> CatalogCheck:
    folder = tmp_path / "theirs"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return check_catalog(mine, folder)


# What the extracts say, beside the cards: worked out by hand from both.
EXPECTED = {
    ("llama-2-7b", "parameters"): 6.738e9 / 7e10,  # a slip of the table, mended since
    ("llama-2-7b", "tokens"): 2e12 / 1.5e12,
    ("llama-2-70b", "tokens"): 2e12 / 1.5e12,
    ("falcon-180b", "tokens"): 3.5e12 / 2.625e12,
    ("palm-540b", "tokens"): 7.8e11 / 5.85e11,
    ("chinchilla-70b", "tokens"): 1.4e12 / 1.05e12,
    ("gpt3-175b", "tokens"): 3e11 / (3.74e11 * 0.6),
    ("phi-2", "tokens"): 1.4e12 / 2.5e11,
    ("minitron-4b", "released"): None,
    ("qwen2.5-7b-instruct", "GPQA"): 36.4 / 29.11073825503356,
    ("qwen2.5-7b-instruct", "MMLU-PRO"): 56.3 / 42.86901595744681,
    ("o1-mini", "price"): None,
    ("o3", "price"): None,
}  # fmt: skip


def test_real_extracts_of_six_sources(catalog: Catalog) -> None:
    found = check_catalog(catalog, EXTRACTS)
    assert sorted(set(found.files.values())) == [
        "Epoch table", "Every Eval Ever record", "config.json", "llm-prices list", "model-index",
        "models.dev model",
    ]  # fmt: skip
    ratios = {(d.card, d.field): d.ratio for d in found.differences}
    assert ratios == {
        key: pytest.approx(value) if value else None for key, value in EXPECTED.items()
    }
    assert found.unmatched == ("GPT-4",)
    assert found.unread == ("SOURCES.txt",)
    # 12 counts of weights but GPT-4's and Llama 2 7B's, 2 records, 1 config: 13.
    assert found.agreements["parameters"] == 13
    assert found.agreements["price"] == 3
    assert any("deepseek-r1-distill-qwen-7b: IFEval" in one for one in found.not_on_card)
    assert any("MATH Level 5" in one for one in found.left_out)


def test_exit_codes_and_json(
    tmp_path: Path, mine: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    table = folder / "epoch.csv"
    words = ["catalog", "check", str(folder), "--cards", str(tmp_path / "cards")]
    table.write_text(HEADER + "A 7B,7e9,4.2e22,1e12,2026-01-31\n")  # 6 x 7e9 x 1e12
    assert run_command(app, words) == 0
    out = capsys.readouterr().out
    assert "4 figures compared: 4 agree" in out
    table.write_text(HEADER + "A 7B,7e9,8.4e22,1e12,2026-01-31\n")
    assert run_command(app, [*words, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["exit_code"], data["compared"]) == (1, 4)
    (difference,) = data["differences"]
    assert difference["ratio"] == pytest.approx(0.5)
    assert difference["their_source"] == "epoch.csv, line 2, Training compute (FLOP)"
    assert "6 N D" in difference["our_source"]
    assert run_command(app, [*words, "--tolerance", "60"]) == 0
    table.unlink()
    assert run_command(app, words) == 2


@pytest.mark.parametrize(
    ("name", "agrees"),
    [
        ("A-7B", True), ("a (7B)", True), ("owner/A-7B", True), ("7B a", True),
        ("A-7B-Instruct", False), ("A 70B", False), ("A2 7B", False),
    ],
)  # fmt: skip
def test_names_are_the_same_words(tmp_path: Path, mine: Catalog, name: str, agrees: bool) -> None:
    found = compared(tmp_path, mine, "epoch.csv", HEADER + f"{name},7e9,,,\n")
    assert found.compared == agrees
    assert found.unmatched == (() if agrees else (name,))


def test_a_name_of_two_cards_is_said(tmp_path: Path, mine: Catalog) -> None:
    (tmp_path / "cards" / "b.yaml").write_text(yaml.safe_dump({**A, "id": "other"}))
    both = load_catalog((tmp_path / "cards",))
    found = compared(tmp_path, both, "epoch.csv", HEADER + "A 7B,7e9,,,\n")
    assert found.unmatched == ("A 7B (names a-7b and other)",)


@pytest.mark.parametrize(
    ("date", "agrees"),
    [("2026-01-31", True), ("2026-01", True), ("2026", True), ("2026-02-15", True),
     ("2026-03-15", False), ("2025", False)],
)  # fmt: skip
def test_dates(tmp_path: Path, mine: Catalog, date: str, agrees: bool) -> None:
    found = compared(tmp_path, mine, "epoch.csv", HEADER + f"A 7B,,,,{date}\n")
    assert (found.agreements.get("released", 0), len(found.differences)) == (agrees, not agrees)


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [(50.0, 0.4, 50.0), (0.5, 0.4, 50.0), (0.4, 3.0, 0.4)],
    ids=["percent", "shares", "a low percentage is no share"],
)
def test_the_unit_of_a_model_index(
    tmp_path: Path, mine: Catalog, first: float, second: float, score: float
) -> None:
    text = INDEX.format(first=first, second=second)
    found = compared(tmp_path, mine, "README.md", text)
    assert found.compared == 1
    if score == 50.0:
        assert found.agreements == {"score": 1}
    else:
        assert found.differences[0].theirs == score


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(json.dumps(RECORD))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("scale", "score", "agrees"),
    [(1.0, 0.5, True), (100.0, 50.0, True), (100.0, 0.5, False)],
)
def test_the_scale_of_a_record_is_read(
    tmp_path: Path, mine: Catalog, scale: float, score: float, agrees: bool
) -> None:
    def change(data: dict[str, Any]) -> None:
        data["evaluation_results"][0]["metric_config"]["max_score"] = scale
        data["evaluation_results"][0]["score_details"]["score"] = score

    found = compared(tmp_path, mine, "record.json", edited(change))
    assert found.agreements == ({"score": 1} if agrees else {})


@pytest.mark.parametrize("written", [7.0, "7.0"])
def test_details_of_a_record_are_numbers_or_text(
    tmp_path: Path, mine: Catalog, written: object
) -> None:
    text = edited(lambda d: d["model_info"].update(additional_details={"params_billions": written}))
    assert compared(tmp_path, mine, "r.json", text).agreements["parameters"] == 1


@pytest.mark.parametrize("written", ["1e999", "1" + "0" * 400, "null", "true", '"much"'])
def test_what_is_no_number_is_no_score(tmp_path: Path, mine: Catalog, written: str) -> None:
    text = json.dumps(RECORD).replace('"score": 0.5', f'"score": {written}')
    found = compared(tmp_path, mine, "r.json", text)
    assert found.compared == 0
    assert "no score" in found.left_out[0]


def test_names_of_others_do_not_steer_the_terminal(
    tmp_path: Path, mine: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    compared(tmp_path, mine, "e.csv", HEADER + "a\x1b[2Jb 7B,7e9,,,\nA 7B,9e9,,,\n")
    words = ["catalog", "check", str(tmp_path / "theirs"), "--cards", str(tmp_path / "cards")]
    assert run_command(app, words) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_a_score_without_its_scale_is_left_out(tmp_path: Path, mine: Catalog) -> None:
    text = edited(lambda data: data["evaluation_results"][0]["metric_config"].pop("max_score"))
    found = compared(tmp_path, mine, "record.json", text)
    assert found.compared == 0
    assert "scale" in found.left_out[0]


def test_a_shape_that_is_not_known_is_left_out(tmp_path: Path, mine: Catalog) -> None:
    found = compared(tmp_path, mine, "config.json", '{"model_type": "none-such"}')
    assert found.compared == 0
    assert "none-such" in found.left_out[0]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("e.csv", HEADER + "A 7B,7e9\n", ["e.csv, line 2", "columns"]),
        ("e.csv", HEADER + "A 7B,7e9,,,,,\n", ["e.csv, line 2", "columns"]),
        ("e.csv", HEADER + "A 7B,seven,,,\n", ["line 2", "Parameters", "seven"]),
        ("e.csv", HEADER + "A 7B,-1,,,\n", ["line 2", "no count"]),
        ("e.csv", HEADER + "A 7B,,,,soon\n", ["line 2", "Publication date", "soon"]),
        ("e.csv", HEADER + "A 7B,,,,2026-13-45\n", ["line 2", "Publication date"]),
        ("e.csv", HEADER + '"two\nlines",1,,,\nA 7B,x,,,\n', ["line 4", "Parameters"]),
        ("e.csv", HEADER + '"A 7B,7e9,,,\n', ["e.csv", "CSV"]),
        ("r.json", "{", ["r.json, line 1", "JSON"]),
        ("r.json", edited(lambda d: d.update(model_info=[])), ["model_info", "mapping"]),
        ("r.json", edited(lambda d: d.update(evaluation_results={})), ["evaluation_results"]),
        ("r.json", edited(lambda d: d.update(evaluation_results=[1])), ["evaluation_results[0]"]),
        ("p.json", '{"vendor": "v", "models": 3}', ["p.json", "models"]),
        ("p.json", '{"vendor": "v", "models": [{"price_history": [1]}]}', ["price_history[0]"]),
        ("m.md", "---\nmodel-index:\n- name: A\n  results: 3\n---\n", ["m.md", "results"]),
        ("m.md", "---\nmodel-index: [\n---\n", ["m.md"]),
        ("m.md", "---\nmodel-index:\n- {name: A, results: [{metrics: 3}]}\n---\n", ["metrics"]),
        ("m.toml", "cost = [", ["m.toml", "TOML"]),
        ("m.toml", "cost = 3", ["m.toml", "cost", "mapping"]),
        ("m.toml", 'release_date = "soon"', ["m.toml", "release_date", "soon"]),
        ("x.txt", "nothing", ["no file that is known", "Epoch"]),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_in_one_sentence(
    tmp_path: Path, mine: Catalog, name: str, text: str, words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        compared(tmp_path, mine, name, text)
    for word in words:
        assert word in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path, mine: Catalog) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "e.csv").write_bytes(b"Model,Parameters\n\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        check_catalog(mine, tmp_path / "theirs")


def test_a_table_with_a_byte_order_mark_and_other_endings(tmp_path: Path, mine: Catalog) -> None:
    text = "\ufeff" + (HEADER + "A 7B,7e9,,,\n").replace("\n", "\r\n")
    assert compared(tmp_path, mine, "e.csv", text).agreements == {"parameters": 1}


def test_hidden_files_and_others_are_not_read(tmp_path: Path, mine: Catalog) -> None:
    shutil.copytree(EXTRACTS, tmp_path / "theirs")
    (tmp_path / "theirs" / ".git").mkdir()
    (tmp_path / "theirs" / ".git" / "x.json").write_text("{")
    (tmp_path / "theirs" / "notes.md").write_text("# no front matter")
    assert "notes.md" in check_catalog(mine, tmp_path / "theirs").unread


# Who compared a figure with what.


def test_every_figure_has_a_locator_that_can_be_opened(catalog: Catalog) -> None:
    seen = 0
    for card in catalog.cards.values():
        for field, cited in cited_in(card):
            source = catalog.source(card, cited.source)
            assert str(source.url).startswith("https://"), (card.id, field)
            assert len(cited.where) > 2, (card.id, field)
            seen += 1
    for key, accelerator in catalog.accelerators.items():
        for field, cited in cited_in(accelerator):
            assert str(catalog.sources[cited.source].url).startswith("https://"), (key, field)
            assert len(cited.where) > 2, (key, field)
            seen += 1
    assert seen > 1400


def test_a_figures_own_check_goes_before_its_sources(mine: Catalog) -> None:
    found = {f.field: check_words(f.check) for f in cited_figures(mine, mine.card("a-7b"))}
    assert found == {
        "parameters.total": "by me against the paper, page 3, 2026-11-28",
        "training.tokens": "not checked",
        "scores[0]": "not checked",
    }


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ((), ["training.tokens", "training.hardware[0].hours", "scores[1]", "prices[0]"]),
        (("training",), ["training.tokens", "training.hardware[0].hours"]),
        (("training.tokens", "scores"), ["training.tokens", "scores[1]"]),
    ],
)
def test_what_a_check_covers(fields: tuple[str, ...], covered: list[str]) -> None:
    check = Check.model_validate({**CHECK, "fields": fields})
    every = ["training.tokens", "training.hardware[0].hours", "scores[1]", "prices[0]"]
    assert [field for field in every if check.covers(field)] == [f for f in every if f in covered]
    assert not Check.model_validate({**CHECK, "fields": ["train"]}).covers("training.tokens")


def test_the_commands_say_what_is_not_checked(
    tmp_path: Path, mine: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = ["--cards", str(tmp_path / "cards")]
    assert run_command(app, ["catalog", "a-7b", *cards]) == 0
    assert "1 of 3" in capsys.readouterr().out
    assert run_command(app, ["catalog", "show", "a-7b", *cards]) == 0
    out = capsys.readouterr().out
    assert "by me against the paper" in out
    assert "not checked" in out
    assert run_command(app, ["catalog", "a-7b", "--json", *cards]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert data["checks"] == {"figures": 3, "checked": 1}
    assert data["training"]["tokens"]["checked"] is None
    assert data["parameters"]["total"]["checked"]["by"] == "me"


def test_the_re_runs_with_evalchemy_are_those_of_the_readme(catalog: Catalog) -> None:
    """Tables of open-thoughts' README at commit aa14ff8: AIME24, AIME25 I, MATH500, GPQA, LCBv2."""
    rows = {
        "openthinker-32b": (66.0, 53.3, 90.6, 61.6, 68.9),
        "limo-32b": (56.7, 49.3, 86.6, 58.1, 60.0),
        "s1-32b": (36.0, 25.3, 84.8, 50.5, 40.9),
        "s1.1-32b": (64.7, 49.3, 89.0, 60.1, 65.5),
        "deepseek-r1-distill-qwen-32b": (76.7, 55.9, 89.4, 57.6, 71.2),
        "deepseek-r1-distill-qwen-7b": (60.0, None, 88.2, 46.9, 50.1),
        "openthinker-7b": (31.3, None, 83.0, 42.4, 39.9),
        "bespoke-stratos-7b": (22.7, None, 79.6, 38.9, 35.8),
        "gpt-4o-0513": (8.6, None, 75.8, 46.5, 50.5),
        "o1-mini": (64.0, None, 85.6, 60.0, 72.8),
    }
    columns = ("aime-2024", "aime-2025", "math-500", "gpqa-diamond", "livecodebench")
    for card, values in rows.items():
        found = {
            s.benchmark: s.value
            for s in catalog.card(card).scores
            if s.source == "open-thoughts-readme"
        }
        given = dict(zip(columns, values, strict=True))
        assert found == {key: value for key, value in given.items() if value}, card
