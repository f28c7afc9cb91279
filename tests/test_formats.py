"""The doors for formats: importers and exporters are found by their place or their entry point."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from distilbench.cli import app
from distilbench.errors import InputError
from distilbench.interchange import all_exporters, all_importers, export_run, import_results

READER = """
from distilbench.interchange import Imported, Importer

class Reader(Importer):
    program = "other"
    reads = "what it wrote"
    suffixes = (".json",)

    def recognises(self, file):
        return "results" in file.json

    def read(self, file, naming):
        return [Imported("other", "other 1", "m", "t", file.path)]
"""
WRITER = """
from distilbench.interchange import Exporter

class Writer(Exporter):
    format = "csv"
    writes = "a file"

    def write(self, run, out):
        return []
"""


def install(folder: Path, patch: pytest.MonkeyPatch, text: str, kind: str, point: str) -> None:
    """Put a package ``other`` of one module, with one entry point, on the path."""
    (folder / "other.py").write_text(text)
    about = folder / "other-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[distilbench.{kind}s]\nmine = {point}\n")
    patch.syspath_prepend(str(folder))
    patch.delitem(sys.modules, "other", raising=False)
    importlib.invalidate_caches()


@pytest.mark.parametrize("kind", ["importers", "exporters"])
def test_every_file_there_is_one_and_is_found(kind: str) -> None:
    room = importlib.import_module(f"distilbench.interchange.{kind}")
    files = {p.stem for p in Path(room.__path__[0]).glob("*.py")} - {"__init__"}
    found = all_importers() if kind == "importers" else all_exporters().values()
    assert sorted(type(one).__module__.rpartition(".")[2] for one in found) == sorted(files)


@pytest.mark.parametrize("command", ["import", "export"])
def test_help_lists_what_there_is(command: str) -> None:
    shown = " ".join(CliRunner().invoke(app, [command, "--help"]).stdout.split())
    for one in all_importers() if command == "import" else ():
        assert f"{one.program} {one.reads}" in shown
    for name, exporter in all_exporters().items() if command == "export" else ():
        assert f"{name} {exporter.writes}" in shown


def test_a_file_that_two_recognise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, READER, "importer", "other:Reader")
    file = tmp_path / "results_1.json"
    file.write_text(json.dumps({"results": {}, "configs": {}}))
    with pytest.raises(InputError, match="may be a result of lm-evaluation-harness and other"):
        import_results([file], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_that_only_another_package_recognises_is_its(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"results": {}}))
    with pytest.raises(InputError, match="is no result that is known; give Every Eval Ever: "):
        import_results([file], tmp_path / "run")
    install(tmp_path, monkeypatch, READER, "importer", "other:Reader")
    assert import_results([file], tmp_path / "run") == ["m--t--other--0"]


def test_two_exporters_of_one_format_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, WRITER, "exporter", "other:Writer")
    with pytest.raises(InputError, match=r"format csv: is that of .*_csv\.Csv and other\.Writer"):
        export_run(tmp_path, "csv", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module", "its importer 'mine' cannot be imported"),
        ("1 / 0", r"cannot be imported \(ZeroDivisionError"),
        ("x = 1", "cannot be imported"),
        ("class Reader: pass", "other:Reader is no importer; derive it from distilbench"),
        ("def Reader(): pass", "other:Reader is no importer"),
        ("from distilbench.interchange import Importer as Reader", "other:Reader is no importer"),
        (READER.replace("suffixes", "endings"), "other:Reader lacks suffixes"),
        (READER.replace("def read(", "def reads("), "other:Reader lacks read"),
    ],
)
def test_a_package_whose_importer_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    install(tmp_path, monkeypatch, text, "importer", "other:Reader")
    with pytest.raises(InputError, match=f"package other: .*{said}"):
        import_results([tmp_path / "x.json"], tmp_path / "run")
    done = CliRunner().invoke(app, ["import", "--help"])
    assert isinstance(done.exception, InputError)
