"""The report on the paper's three claims: a verdict for each, traceable to sources in two clicks.

A number in a table links to its row among the sources, which links to the publication.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from distilbench.catalog import NOT_CHECKED, Catalog, Check, Figure, check_words, cited_in
from distilbench.claims import Claims
from distilbench.compute import (
    LEAST_UTILISATION,
    SCOPE_WORDS,
    SCOPES,
    TornadoBar,
    distillation_stages,
    implied_utilisation,
)
from distilbench.report.claims._answer import CLAIM_A, QUESTION, answer
from distilbench.report.claims._cells import (
    flops_cell,
    interval_cell,
    model_cell,
    quantity_cell,
    range_text,
    source_cell,
    yes_no,
)
from distilbench.report.claims._charts import tornado_chart
from distilbench.report.claims._curve_card import NO_PLACEMENT
from distilbench.report.claims._curves import curves
from distilbench.report.claims._placed import placed
from distilbench.report.claims._remeasured import remeasured_section
from distilbench.report.claims._rulings import rulings
from distilbench.report.claims._sizes import sizes
from distilbench.report.claims._studies import studies
from distilbench.report.page import Cell, Chart, Section, Shown, Table, Text, render_page

PAPER = "arXiv 2602.20164"


def write_claims_report(claims: Claims, out_dir: Path) -> Path:
    """Write the page into ``out_dir``: ``index.html``, ``claims.md``, PNG and SVG figures."""
    return render_page(
        title=f"The claims of {PAPER}, checked on published figures",
        lede=(
            "No model was run for this page: every number is published with its source, derived"
            " from such numbers by a stated formula, or an estimate with its range."
        ),
        sections=claims_sections(claims),
        out_dir=out_dir,
        page="claims",
        question=QUESTION,
        head=answer(claims),
    )


def claims_sections(claims: Claims) -> list[Section]:
    """The sections of the page, in their order."""
    return [make(claims) for make in SECTIONS]


def chart(claims: Claims) -> Section:
    """Distilled models among the curves of vanilla families."""
    found = placed(claims)
    return Section("Score against compute", (found,) if found else (Text(NO_PLACEMENT),))


def creation_ratio(claims: Claims) -> Section:
    """Claim (a): the ratio under each scope, what gives the paper's figure, what moves it."""
    head = claims.headline
    names = claims.catalog.card(head.vanilla).name, claims.catalog.card(head.distilled).name
    columns = (
        Shown("scope", "scope"),
        Shown("counts", "scope", lambda scope: SCOPE_WORDS[scope]),
        Shown("ratio", ("ratio", "at_most", "bound"), interval_cell),
        Shown("90% range", "ratio", range_text),
        Shown("paper", (), lambda: f"> {head.claimed_ratio:,.0f}"),
        Shown("verdict", "verdict"),
        Shown("why", "reason"),
    )
    caption = f"Compute to create {names[0]} over compute to create {names[1]}"
    scopes = Table.of(caption, head.scopes, columns)
    blocks: list[Any] = [scopes]
    if head.tokens_per_sample_at_claim:
        blocks.append(
            Text(
                f"The ratio is exactly {head.claimed_ratio:,.0f} if the student saw"
                f" {head.student_tokens_at_claim:.3g} tokens, repeats included: that is"
                f" {head.tokens_per_sample_at_claim:,.0f} tokens a sample at the central number of"
                " samples and epochs. Fewer exceed the claim, more fall short of it."
            )
        )
    ways = (
        Shown("counting", "counting"),
        Shown("ratio", "ratio", "{:,.0f}"),
        Shown(f"over {head.claimed_ratio:,.0f}", "exceeds_claim", yes_no),
    )
    blocks.append(Table.of("What other ways of counting give", head.alternatives, ways))
    for verdict in head.scopes:
        if verdict.tornado:
            blocks.append(_tornado(verdict.scope, verdict.tornado))
    return Section(CLAIM_A, blocks)


def all_ratios(claims: Claims) -> Section:
    named = partial(model_cell, claims.catalog)
    columns = (
        Shown("distilled model", "model", named),
        Shown("base", "base", named),
        *(
            Shown(scope, scope, lambda ratio: quantity_cell(ratio, claims.draws, claims.seed))
            for scope in SCOPES
        ),
    )
    frame = (
        {"model": model, "base": base, **{ratio.scope: ratio for ratio in ratios}}
        for model, base, ratios in claims.ratios
    )
    note = (
        "How many times the compute of the distilled model its base took. ≤ marks an upper bound:"
        " a part of the distilled model's cost is not published. ≥ marks a lower bound: its share"
        " of its teacher's training is an upper bound, as other uses of the teacher are not known,"
        " or a part of the base's cost is not published; ~ that the ratio may lie on either side."
        " The ranges on hover do not hold the number of uses. Below 1 under the widest scope"
        " is no accident: who counts the base's pretraining can never get above 1."
    )
    caption = "Compute to create the base over compute to create the distilled model"
    table = Table.of(caption, frame, columns)
    return Section("The ratio for every distilled model", (Text(note), table))


def hours(claims: Claims) -> Section:
    """Published accelerator-hours of students beside 6 N D, and which of the two is believed."""
    catalog = claims.catalog
    frame = []
    for card in catalog.cards.values():
        used = implied_utilisation(card, catalog.cards, catalog.accelerators)
        if used is not None:
            stages = distillation_stages(card, catalog.cards, catalog.accelerators)
            own = next(stage for stage in stages if stage.name == "student_training")
            frame.append({"card": card.id, "used": used, "flops": own.flops, "by": own.formula})
    columns = (
        Shown("distilled model", "card", partial(model_cell, catalog)),
        Shown("implied utilisation", "used", "{:.3f}"),
        Shown("student FLOPs", "flops", lambda flops: f"{flops.central:.3g}"),
        Shown("believed", "by"),
    )
    note = (
        "Where the makers state accelerator-hours, 6 N D over hours x peak rate is the utilisation"
        f" that both imply. Below {LEAST_UTILISATION:g} one of them does not tell the training:"
        " the hours are believed if the number of tokens is an estimate of this program, and the"
        " tokens if they are published, since hours also hold waiting, padding and failed runs."
    )
    table = Table.of("Published hours of students beside 6 N D", frame, columns)
    return Section("Hours against tokens", (Text(note), table))


def validation(claims: Claims) -> Section:
    return Section("Are the formulas right?", validation_blocks(claims))


def validation_blocks(claims: Claims) -> tuple[Text, Table]:
    """The training-FLOP estimates beside published totals; the docs show the same table."""
    columns = (
        Shown("model", "card", partial(model_cell, claims.catalog)),
        Shown(
            "published FLOPs",
            ("published_flops", "source"),
            lambda flops, source: source_cell(f"{flops:.3g}", *source.split(": ", 1)),
        ),
        Shown("6ND (over published)", ("by_6nd_flops", "by_6nd_ratio"), flops_cell),
        Shown("within 10%", "by_6nd_within", yes_no),
        Shown("exact (over published)", ("exact_flops", "exact_ratio"), flops_cell),
        Shown("within 10%", "exact_within", yes_no),
        Shown("note", "note"),
    )
    note = (
        "Training FLOPs that reports state, beside the estimates by 6ND and by the exact form with"
        " attention at the training sequence length. Many reports compute their total as 6ND"
        " themselves; the note says so where it is known, and the check is then of the inputs only."
    )
    caption = "Training FLOPs: estimate and publication"
    return Text(note), Table.of(caption, claims.validation, columns)


def assumptions(claims: Claims) -> Section:
    """Every estimated figure of the cards on this page, with its range and reason."""
    columns = (
        Shown("model", "card", partial(model_cell, claims.catalog)),
        Shown("figure", "place"),
        Shown("central", "value", "{:g}"),
        Shown("range", ("low", "high"), "{:g} to {:g}"),
        Shown("why", "note"),
    )
    frame = (
        {"card": card.id, "place": place, **dict(figure)}
        for card in claims.catalog.cards.values()
        for place, figure in cited_in(card)
        if isinstance(figure, Figure) and figure.kind == "estimated"
    )
    note = (
        f"Ranges go through to the results by {claims.draws:,} Monte Carlo draws from seed"
        f" {claims.seed}, log-triangular between the ends with the peak at the central value."
    )
    return Section("Assumptions", (Text(note), Table.of("Estimated figures", frame, columns)))


def sources(claims: Claims) -> Section:
    """Every publication behind the figures, with an id to link to."""
    columns = (
        Shown("key", "key"),
        Shown("publication", ("title", "url"), lambda t, url: Cell(t, href=str(url or "") or None)),
        Shown("checked", "checked", _checked),
    )
    known = sorted(_all_sources(claims.catalog))
    note = (
        "'Checked' says by whom our figures were compared with what, and which where not all were."
        " Not checked: taken from what is widely published, and still to be compared. Of each"
        " figure: distilbench catalog show CARD."
    )
    table = Table.of("Sources", ({"key": key, **dict(source)} for key, source in known), columns)
    anchored = replace(table, anchors=[f"source-{key}" for key, _ in known])
    return Section("Sources", (Text(note), anchored))


def _checked(checks: tuple[Check, ...]) -> str:
    said = (
        f"{', '.join(check.fields)}: {check_words(check)}" if check.fields else check_words(check)
        for check in checks
    )
    return "; ".join(said) or NOT_CHECKED


def _tornado(scope: str, bars: tuple[TornadoBar, ...]) -> Chart:
    words = "; ".join(
        f"{bar.unknown}: {bar.result_at_low:,.3g} to {bar.result_at_high:,.3g}" for bar in bars
    )
    return Chart(
        f"tornado-{scope}",
        f"Scope '{scope}': the ratio with one unknown at the ends of its range and the others"
        f" central. {bars[0].unknown} moves it most.",
        f"Sensitivity of the ratio under scope {scope}. {words}",
        tornado_chart(bars),
    )


def _all_sources(catalog: Catalog) -> Iterator[tuple[str, Any]]:
    """Shared sources, and those of single cards."""
    yield from catalog.sources.items()
    for card in catalog.cards.values():
        yield from ((k, s) for k, s in card.sources.items() if k not in catalog.sources)


SECTIONS = (
    rulings, chart, creation_ratio, all_ratios, hours, sizes, remeasured_section, curves,
    studies, validation, assumptions, sources,
)  # fmt: skip
"""The sections of the page, functions of the claims, in their order."""
