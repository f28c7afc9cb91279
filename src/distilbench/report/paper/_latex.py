"""Text and tables as LaTeX. What a run holds is text of strangers: nothing of it is a command."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

from distilbench.report.page import Cell, Table

_LONG_TABLE = 40
"""Rows from which a table runs over several pages."""
_HEADING = 12
"""Characters of a heading from which it may go on in another line."""
_WRAPPED = 36
"""Characters of a cell from which its column wraps."""
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "$": r"\$",
    "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "`": r"\textasciigrave{}", '"': r"{\char34}", "[": "{[}", "]": "{]}", "*": "{*}",
    "≥": r"$\geq$", "≤": r"$\leq$", "≈": r"$\approx$", "×": r"$\times$", "·": r"$\cdot$",
    "±": r"$\pm$", "−": r"$-$", "→": r"$\rightarrow$", "∞": r"$\infty$", "²": "$^2$",
    "³": "$^3$", "µ": r"\textmu{}", "°": r"\textdegree{}", "€": r"\texteuro{}", "–": "--",
    "—": "---", "…": r"\ldots{}", "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "‘": "`",
    "’": "'", "“": "``", "”": "''", "\u00a0": "~", "\u202f": r"\,",
}  # fmt: skip
# Two of these in a row would become another sign; what steers or is no character is left out.
_LIGATURES = re.compile(r"(?<=-)-|(?<=')'|(?<=,),|(?<=[?!])`")
_MINUS = re.compile(r"(?<![^\s(])-(?=\d)")
_UNBROKEN = re.compile(r"\S{45,}")
_BREAK = r"\allowbreak{}"
_NO_CHARACTERS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_KINDS = {
    "derived": (r"\textit{%s}", "italics: derived by a formula"),
    "estimated": (r"$\approx$\,%s", "≈: estimated"),
    "published": (r"\underline{%s}", "underlined: published by others"),
}


def escaped(text: str) -> str:
    r"""Text as LaTeX that sets it as it stands, in one line.

    >>> print(escaped("50% of a_b{c} -- \\input"))
    50\% of a\_b\textbraceleft{}c\textbraceright{} -{}- \textbackslash{}input
    """
    plain = _LIGATURES.sub(r"\0\g<0>", " ".join(_NO_CHARACTERS.sub(" ", text).split()))
    plain = _UNBROKEN.sub(_breakable, plain)
    return "".join(_SPECIAL.get(c, c) for c in plain).replace("\0", "{}").replace("\1", _BREAK)


def _breakable(word: re.Match[str]) -> str:
    """A word that no line holds, as a hash, with places where it may go on in the next."""
    return "\1".join(word[0][i : i + 4] for i in range(0, len(word[0]), 4))


def cited(text: str, keys: Sequence[str]) -> str:
    r"""A sentence with its citations before the full stop.

    >>> print(cited("It is so.", ["miller2024"]))
    It is so~\cite{miller2024}.
    """
    if not keys:
        return escaped(text)
    stop = "." if text.endswith(".") else ""
    return f"{escaped(text.removesuffix('.'))}~\\cite{{{','.join(keys)}}}{stop}"


def table(made: Table, name: str, keys: Mapping[str, str]) -> str:
    """A table in the style of booktabs, never wider than the text; one of many rows runs over
    several pages (longtable). Packages: booktabs, graphicx, array, longtable. ``keys``: of an
    anchor of the page (``#source-x``) the key to cite."""
    rows = [[_cell(cell, keys) for cell in row] for row in made.cells()]
    head = _headings(made)
    body = [f"    {' & '.join(row)} \\\\" for row in rows]
    caption = escaped(made.caption) + _legend(made)
    label = f"tab:{name}"
    if len(rows) > _LONG_TABLE:
        plain = [escaped(column) for column in made.columns]
        return _over_pages(_shares(made), plain, body, caption, label)
    columns = _columns(made)
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"  \centering\small",
            f"  \\caption{{{caption}}}",
            f"  \\label{{{label}}}",
            r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            f"  \\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"    \toprule",
            f"    {' & '.join(head)} \\\\",
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _over_pages(
    columns: str, head: Sequence[str], body: Sequence[str], caption: str, label: str
) -> str:
    headings = [r"    \toprule", f"    {' & '.join(head)} \\\\", r"    \midrule"]
    return "\n".join(
        [
            r"{\scriptsize\setlength{\tabcolsep}{2pt}",
            f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
            f"    \\caption{{{caption}}}\\label{{{label}}}\\\\",
            *headings,
            r"    \endfirsthead",
            *headings,
            r"    \endhead",
            r"    \bottomrule",
            r"    \endlastfoot",
            *body,
            r"\end{longtable}}",
            "",
        ]
    )


def _cell(cell: Cell, keys: Mapping[str, str]) -> str:
    text = escaped(_MINUS.sub("−", cell.text))
    if cell.kind in _KINDS:
        text = _KINDS[cell.kind][0] % text
    key = keys.get(cell.href or "")
    return f"{text}~\\cite{{{key}}}" if key else text


def _legend(made: Table) -> str:
    """What the ways of writing a figure say, of those that occur."""
    there = {cell.kind for row in made.cells() for cell in row}
    said = "; ".join(words for kind, (_, words) in _KINDS.items() if kind in there)
    return escaped(f". {said[0].upper()}{said[1:]}.") if said else "."


def _headings(made: Table) -> list[str]:
    """Headings in as many lines as keep their columns narrow; those of a heat map stand upright."""
    if made.heat:
        first, *others = map(escaped, made.columns)
        return [first, *(rf"\rotatebox{{90}}{{{column}}}" for column in others)]
    head, cells = [], made.cells()
    for i, (column, right) in enumerate(zip(made.columns, made.numeric(), strict=True)):
        longest = max((len(row[i].text) for row in cells), default=0)
        lines = textwrap.wrap(column, max(_HEADING, min(longest, _WRAPPED)), break_long_words=False)
        stack = r" \\ ".join(map(escaped, lines)) if len(lines) > 1 else escaped(column)
        side = "r" if right else "l"
        head.append(rf"\shortstack[{side}]{{{stack}}}" if len(lines) > 1 else stack)
    return head


def _longest(made: Table) -> list[int]:
    cells = made.cells()
    return [
        max([len(heading), *(len(row[i].text) for row in cells)])
        for i, heading in enumerate(made.columns)
    ]


def _columns(made: Table) -> str:
    """Numbers to the right; a column of sentences wraps."""
    ends = zip(made.numeric(), _longest(made), strict=True)
    wide = r">{\raggedright\arraybackslash}p{16em}"
    return "".join("r" if right else wide if most > _WRAPPED else "l" for right, most in ends)


def _shares(made: Table) -> str:
    """Columns that share the width of the text by their contents."""
    wide = [min(max(most, 6), 40) for most in _longest(made)]
    return "".join(
        f">{{\\{'raggedleft' if right else 'raggedright'}\\arraybackslash}}"
        f"p{{\\dimexpr{w / sum(wide):.4f}\\linewidth-2\\tabcolsep\\relax}}"
        for right, w in zip(made.numeric(), wide, strict=True)
    )
