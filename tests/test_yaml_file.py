"""The one reader of YAML: right, or refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbench.catalog import read_card
from distilbench.errors import InputError
from distilbench.suite import load_suite
from distilbench.yaml_file import parse_yaml, read_yaml

SUITE = "models: [pypi:smollm2-135m-instruct]\ntasks:\n  - file: q.jsonl\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("true", True), ("~", None), ("", None), ("1:30", "1:30"),
        ("1e3", 1000.0), ("1_000", 1000), ("0o10", 8), ("0x1F", 31), ("2025-01-01", "2025-01-01"),
        ("-.5", -0.5), ("1.10", 1.1), ("'010'", "010"), ("'true'", "true"), ("0.5", 0.5), ("0", 0),
        ("|\n  12\n", "12\n"),
    ],
)  # fmt: skip
def test_a_value_is_what_yaml_1_2_says(text: str, value: object) -> None:
    made = parse_yaml(f"v: {text}", "", "f").data["v"]
    assert (made, type(made)) == (value, type(value))


def test_keys_are_text_and_defaults_are_merged() -> None:
    text = "no: 1\n1: 2\nbase: &b {x: 1, y: 2}\nmade: {<<: *b, y: 3}\n"
    file = parse_yaml(text, "", "f")
    assert file.data == {
        "no": 1, "1": 2, "base": {"x": 1, "y": 2}, "made": {"x": 1, "y": 3}
    }  # fmt: skip
    assert file.lines["made", "y"] == 4
    assert file.lines["base", "x"] == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: field 'a' stands twice, on lines 1 and 3"),
        ("a:\n- {b: 1,\n   b: 2}", r"line 3: field 'a\[0\].b' stands twice, on lines 2 and 3"),
        ("x: &x [*x]", "line 1: holds an alias of itself"),
        ("x: &x {y: *x}", "line 1: holds an alias of itself"),
        ("a: &a {<<: *a}", "line 1: holds an alias of itself"),
        ("a: &n 1\nb: &n 2", "line 2: gives the anchor 'n' that line 1 gave"),
        ("a: 1\n---\nb: 2", "line 2: begins a second document"),
        ("x: &x {a: 1}\ny: &y {b: 2}\nz:\n  <<: *x\n  <<: *y", "line 5: '<<' stands twice"),
        ("a: 010", "line 1: 010 is octal"),
        ("a: .nan", "no finite number"),
        ("a: 1e999", "no finite number"),
        ("a:\n\t- b", "line 2: is not YAML"),
        ('a: "x\\0y"', "control character"),
        ('a: "\\e[2J"', "control character"),
        ("a: !!python/object:os.system {}", "line 1: has the tag"),
        ("a: !!str 10", "line 1: has the tag"),
        ("? [a]\n: b", "a key that is no text"),
        ("a: " + "[" * 60 + "]" * 60, "nested over"),
        ("a: " + "[" * 100_000, "nested|not YAML"),
        (LAUGHS, "aliases"),
        ("a: 1\nb", "line"),
        ("", "holds no mapping"),
    ],
)
def test_what_could_be_misread_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse_yaml(text, "'models:'", "some.yaml")
    assert str(caught.value).startswith("some.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marks_of_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes("a: größe\n".encode(encoding))
    assert read_yaml(path, "").data == {"a": "größe"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: 1\nb: \xff\n", "line 2: is not UTF-8"),
        ("a: 1".encode("utf-16-le"), "NUL"),
        (b"#" * (9 << 20), "larger"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=said):
        read_yaml(path, "")


def test_a_suite_s_mistake_names_its_line_and_home_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SUITE + "    max_tokens: none\n")
    with pytest.raises(InputError, match=r"s\.yaml, line 4: field 'tasks\[0\]\.max_tokens'"):
        load_suite(path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path.write_text(SUITE.replace("q.jsonl", "~/q.jsonl"))
    assert load_suite(path).tasks[0].file == tmp_path / "home/q.jsonl"  # type: ignore[union-attr]


def test_a_negative_total_on_a_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "id: a\nname: A\ndeveloper: B\nfamily: a\nrole: vanilla\nstage: base\n"
        "parameters:\n  total: {value: -5, source: x, where: y}\n"
    )
    with pytest.raises(InputError, match=r"line 8: field 'parameters\.total'.*below 0"):
        read_card(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("    max_tokens: true\n", r"line 4: field 'tasks\[0\].max_tokens' is true"),
        ("seeds: [true]\n", r"line 4: field 'seeds\[0\]' is true"),
        ("profiles:\n- name: a\n  cpus: true\n", r"line 6: field 'profiles\[0\].cpus' is true"),
    ],
)
def test_true_is_no_number(tmp_path: Path, line: str, said: str) -> None:
    """Pydantic would read 1."""
    path = tmp_path / "s.yaml"
    path.write_text(SUITE + line)
    with pytest.raises(InputError, match=said):
        load_suite(path)


def test_true_is_no_number_on_a_card_either(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "id: a\nname: A\ndeveloper: B\nfamily: a\nrole: vanilla\nstage: base\n"
        "parameters:\n  total: {value: true, source: x, where: y}\n"
    )
    with pytest.raises(InputError, match=r"parameters\.total\.value' is true|parameters\.total'"):
        read_card(path)
