"""The catalog: every figure has a source, what cards refer to exists, users' cards join."""

from __future__ import annotations

import copy
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml

from distilbench.catalog import (
    Card,
    Catalog,
    Figure,
    Score,
    _load,
    cited_in,
    common_scores,
    load_catalog,
)
from distilbench.errors import InputError

CARDS = Path(_load.__file__).parent / "cards"
MINE: dict[str, Any] = {
    "id": "mine", "name": "Mine", "developer": "Me", "family": "mine", "role": "distilled",
    "stage": "base",
    "parameters": {"total": {"value": 1e9, "source": "paper", "where": "table 1"}},
    "lineage": {
        "base": "llama-3.1-8b",
        "recipe": {
            "method": "logit",
            "tokens": {"value": 1e9, "low": 5e8, "high": 2e9, "kind": "estimated",
                       "note": "a guess", "source": "paper", "where": "not stated"},
        },
    },
    "sources": {"paper": {"title": "Paper", "url": "https://example.org"}},
}  # fmt: skip
# A second transcription of the table in the issue's published figures, made apart from the cards.
R1_TABLE = """
gpt-4o-0513 9.3 13.4 74.6 49.9 32.9 759
claude-3.5-sonnet-1022 16.0 26.7 78.3 65.0 38.9 717
o1-mini 63.6 80.0 90.0 60.0 53.8 1820
deepseek-r1-distill-qwen-1.5b 28.9 52.7 83.9 33.8 16.9 954
deepseek-r1-distill-qwen-7b 55.5 83.3 92.8 49.1 37.6 1189
deepseek-r1-distill-qwen-14b 69.7 80.0 93.9 59.1 53.1 1481
deepseek-r1-distill-qwen-32b 72.6 83.3 94.3 62.1 57.2 1691
deepseek-r1-distill-llama-8b 50.4 80.0 89.1 49.0 39.6 1205
deepseek-r1-distill-llama-70b 70.0 86.7 94.5 65.2 57.5 1633
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def folder_with(tmp_path: Path, card: dict[str, Any]) -> tuple[Path]:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(card))
    return (tmp_path,)


def changed(path: str, value: Any) -> dict[str, Any]:
    """MINE with the field at a dotted path set, or removed if ``value`` is None."""
    card = copy.deepcopy(MINE)
    *parents, last = path.split(".")
    place = card
    for part in parents:
        place = place.setdefault(part, {})
    if value is None:
        place.pop(last)
    else:
        place[last] = value
    return card


def test_there_are_at_least_140_models_of_every_role(catalog: Catalog) -> None:
    roles = [card.role for card in catalog.cards.values()]
    assert len(roles) >= 140
    assert {role: roles.count(role) >= 5 for role in set(roles)} == {
        "vanilla": True, "distilled": True, "synthetic": True, "proprietary": True,
    }  # fmt: skip


def test_every_figure_names_a_source_that_exists(catalog: Catalog) -> None:
    figures = 0
    for card in catalog.cards.values():
        for _, cited in cited_in(card):
            assert catalog.source(card, cited.source).url
            assert cited.where
            figures += isinstance(cited, Figure)
    assert figures > 200


def figure_paths() -> list[tuple[str, str]]:
    """Card and dotted path of one figure of every kind of field in the packaged cards."""
    found: dict[str, tuple[str, str]] = {}

    def walk(node: Any, path: str, card: str) -> None:
        if isinstance(node, dict):
            if "source" in node and "where" in node:
                found.setdefault(path, (card, path))
            for key, value in node.items():
                walk(value, f"{path}.{key}" if path else str(key), card)
        elif isinstance(node, list) and node:
            walk(node[0], f"{path}.0", card)

    for file in sorted(CARDS.glob("*.yaml")):
        walk(yaml.safe_load(file.read_text()), "", file.name)
    return sorted(found.values(), key=lambda pair: pair[1])


@pytest.mark.parametrize(("file", "path"), figure_paths(), ids=lambda value: str(value))
@pytest.mark.parametrize("source", [None, "no-such-source"])
def test_a_figure_without_a_source_fails(
    tmp_path: Path, file: str, path: str, source: str | None
) -> None:
    card = yaml.safe_load((CARDS / file).read_text())
    card["id"] = "copy"
    node = card
    for part in path.split("."):
        node = node[int(part)] if part.isdigit() else node[part]
    if source is None:
        del node["source"]
    else:
        node["source"] = source
    with pytest.raises(InputError, match=r"mine\.yaml") as caught:
        load_catalog(folder_with(tmp_path, card))
    assert "source" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("parametres", {}, ["parametres", "spelling"]),
        ("role", "student", ["role", "vanilla"]),
        ("id", "llama-3.1-8b", ["llama-3.1-8b", "rename"]),
        ("lineage.base", "llama-3.1-9b", ["lineage.base", "llama-3.1-8b"]),
        ("lineage.teacher", "mine", ["lineage", "circle"]),
        ("lineage.recipe", None, ["recipe"]),
        ("lineage.recipe.tokens.low", None, ["low and high"]),
        ("lineage.recipe.tokens.note", None, ["assumption"]),
        ("lineage.recipe.tokens.low", 1.5e9, ["low <= value <= high"]),
        ("parameters.total.value", "many", ["parameters.total.value"]),
        ("scores", [{"benchmark": "no-such", "value": 1, "metric": "accuracy", "mode": "cot",
                     "source": "paper", "where": "x"}], ["benchmark", "no-such"]),
        ("training.hardware", [{"accelerator": "h1oo", "stage": "all", "hours": {
            "value": 1, "source": "paper", "where": "x"}}], ["accelerator", "h100"]),
    ],
)  # fmt: skip
def test_a_bad_card_is_told_in_one_sentence(
    tmp_path: Path, path: str, value: Any, words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        load_catalog(folder_with(tmp_path, changed(path, value)))
    for word in ("mine.yaml", *words):
        assert word in str(caught.value)


def test_users_cards_join_by_folder_variable_and_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_with(tmp_path, MINE)
    assert load_catalog(folder).card("mine").name == "Mine"
    monkeypatch.setenv("DISTILBENCH_CARDS", str(tmp_path))
    assert "mine" in load_catalog().cards
    monkeypatch.delenv("DISTILBENCH_CARDS")
    package = tmp_path / "site" / "my_cards"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('cards are data: never import them')")
    (tmp_path / "mine.yaml").rename(package / "mine.yaml")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    point = EntryPoint(name="mine", value="my_cards", group="distilbench.cards")
    monkeypatch.setattr(_load, "of_packages", lambda group: [point])
    assert "mine" in load_catalog().cards


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="correct the path"):
        load_catalog((tmp_path / "none",))


def test_an_unknown_card_is_answered_with_near_ones(catalog: Catalog) -> None:
    with pytest.raises(InputError, match=r"llama-3\.1-8b"):
        catalog.card("llama-3.1-8")


def test_parameter_counts_agree_with_architectures(catalog: Catalog) -> None:
    compared = 0
    for card in catalog.cards.values():
        if card.architecture is None or card.parameters.total is None:
            continue
        shape = card.architecture.shape
        assert shape.total_params == pytest.approx(card.parameters.total.value, rel=0.02), card.id
        if card.parameters.active is not None:
            active = card.parameters.active.value
            assert shape.active_params == pytest.approx(active, rel=0.02), card.id
        compared += 1
    assert compared > 40


@pytest.mark.parametrize("line", R1_TABLE.split("\n")[1:-1], ids=lambda line: line.split()[0])
def test_the_deepseek_r1_table_is_copied_right(catalog: Catalog, line: str) -> None:
    name, *numbers = line.split()
    columns = [
        ("aime-2024", "pass@1"), ("aime-2024", "cons@64"), ("math-500", "pass@1"),
        ("gpqa-diamond", "pass@1"), ("livecodebench", "pass@1"), ("codeforces", "rating"),
    ]  # fmt: skip
    published = {
        (s.benchmark, s.metric): s.value
        for s in catalog.card(name).scores
        if s.source in ("deepseek-r1-readme", "deepseek-r1")
    }
    assert {key: published[key] for key in columns} == dict(
        zip(columns, map(float, numbers), strict=True)
    )


def test_sources_that_disagree_are_both_kept(catalog: Catalog) -> None:
    scores = catalog.card("qwq-32b-preview").scores
    values = {s.value for s in scores if (s.benchmark, s.metric) == ("gpqa-diamond", "pass@1")}
    assert values == {52.5, 54.5, 65.2}


def test_models_of_the_issue_are_there(catalog: Catalog) -> None:
    families = " ".join(catalog.cards)
    wanted = """
        llama-3.1-405b llama-3.2-1b llama-3.3-70b qwen2.5-72b qwen3-8b gemma-2-9b gemma-3-27b
        smollm2-1.7b smollm3-3b phi-4 minitron-8b nemotron-4-15b distilgpt2 gpt2 openthinker-7b
        s1-32b sky-t1-32b-preview openr1-qwen-7b o1-mini gpt-4o claude-3.5-sonnet
        deepseek-r1-0528-qwen3-8b openreasoning-nemotron-7b nemotron-nano-9b-v2 gemma-3n-e4b
        gemma-3-27b-qat phi-4-mini-reasoning am-thinking-v1 light-r1-32b ministral-3-8b gpt-oss-20b
        magistral-small-2506 lfm2-1.2b gpt-5 claude-opus-4.5 gemini-2.5-pro
    """
    for part in wanted.split():
        assert part in families


def test_scores_side_by_side_are_of_one_setting(catalog: Catalog) -> None:
    def of(model: str, *scores: dict[str, Any]) -> Card:
        common = {"benchmark": "livecodebench", "metric": "pass@1", "shots": 0, "mode": "cot",
                  "source": "s", "where": "x"}  # fmt: skip
        return catalog.card(model).model_copy(
            update={"scores": tuple(Score.model_validate(common | one) for one in scores)}
        )

    a = of("qwen3-8b", {"value": 50.0, "version": "v5", "samples": 64}, {"value": 40.0})
    b = of(
        "qwen3-14b",
        {"value": 60.0, "version": "v5"},
        {"value": 61.0, "version": "v5", "source": "t"},
        {"value": 62.0, "version": "v5", "samples": 1},
        {"value": 63.0, "version": "v6"},
        {"value": 45.0, "source": "t"},
    )
    found = [(row["qwen3-8b"], row["qwen3-14b"], row["sources"])
             for row in common_scores(a, b, {"livecodebench"})]  # fmt: skip
    assert found == [(50.0, 60.0, "s / s"), (50.0, 61.0, "s / t")]
    assert len(common_scores(a, b)) == 3  # of another benchmark no version is no secret
