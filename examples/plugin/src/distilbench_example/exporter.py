"""Writes the accuracies of a run as a table in Markdown, as a README shows them."""

from __future__ import annotations

from pathlib import Path

from distilbench.interchange import Exported, Exporter


class Markdown(Exporter):
    format = "markdown"
    writes = "accuracy.md: a table of accuracies"

    def write(self, run: Exported, out: Path) -> list[Path]:
        lines = ["| model | profile | task | accuracy | 95% interval |", "| --- " * 5 + "|"]
        for row in run.results.iter_rows(named=True):
            names = (row["model"], row["profile"], row["task"])
            cells = [*(name.replace("|", "\\|") for name in names), f"{row['accuracy']:.3f}"]
            cells.append(f"{row['low']:.3f} to {row['high']:.3f}")
            lines.append(f"| {' | '.join(cells)} |")
        file = out / "accuracy.md"
        file.write_text("\n".join(lines) + "\n", "utf-8")
        return [file]
