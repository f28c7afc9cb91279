"""Makers' own figures beside those of others, score by score."""

from __future__ import annotations

from functools import partial

import polars as pl

from distilbench.claims import Claims
from distilbench.report.claims._cells import model_cell, source_cell
from distilbench.report.page import Section, Shown, Table, Text

_NOTE = (
    "Scores that a model's maker published beside those that others measured of the same model, on"
    " the same benchmark in the same metric, shots, mode and version. The interval is that of two"
    " independent samples of questions, so it is too wide where both asked the same ones. A"
    " difference may come from a setting that differs or is not known as well as from who measured."
)


def remeasured_section(claims: Claims) -> Section:
    """A table, and in how many of its rows others measured less."""
    frame = claims.remeasured
    columns = (
        Shown("model", "model", partial(model_cell, claims.catalog)),
        Shown("role", "role"),
        Shown("benchmark", "benchmark"),
        Shown("mode", "mode"),
        *(
            Shown(words, (f"{who}_score", f"{who}_source", f"{who}_where"), source_cell)
            for who, words in (("maker", "its maker"), ("independent", "others"))
        ),
        Shown("others less maker", "difference", "{:+.1f}"),
        Shown("95% interval", ("difference_low", "difference_high"), "{:+.1f} to {:+.1f}"),
        Shown("known to differ", "differs"),
        Shown("not known of both", "unknown"),
    )
    table = Table.of("Makers and others, score by score", frame, columns)
    return Section("Makers and independents", (Text(_said(frame), strong=True), Text(_NOTE), table))


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No score of the catalog was measured both by a maker and by others."
    parts = []
    for role in frame["role"].unique(maintain_order=True):
        of_role = frame.filter(pl.col("role") == role)
        less = of_role.filter(pl.col("difference") < 0).height
        surely = of_role.filter(pl.col("difference_high") < 0).height
        middle = of_role.select(pl.col("difference").median()).item()
        parts.append(
            f"of {role} models others measured less than the maker in {less} of"
            f" {of_role.height} pairs of scores, surely less in {surely}; the median difference is"
            f" {middle:+.1f} points"
        )
    said = "; ".join(sorted(parts))
    return f"{said[0].upper()}{said[1:]}."
