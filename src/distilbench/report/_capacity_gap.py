"""The figure of the capacity gap: a student's loss against its teacher's size."""

from __future__ import annotations

from distilbench.compute import LAW_ERROR, CapacityGap
from distilbench.report.page import INK, PALETTE, Chart, inline, styled

_LOSS = "student's loss, nats a token (unverified)"


def capacity_gap_chart(gap: CapacityGap, teacher: float) -> Chart:
    """The curve with the band of the law's own error, over the sizes that the law was fitted on;
    a rule at the lowest loss, and one at ``teacher`` weights where that lies among them."""
    import altair as alt

    rows = [
        {"size": p.teacher_parameters, "loss": p.student_loss, "low": p.low, "high": p.high}
        for p in gap.points
    ]
    size = alt.X(
        "size:Q",
        title="teacher's weights",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~e"),
    )
    axis = alt.Y("loss:Q", title=_LOSS, scale=alt.Scale(zero=False))
    base = alt.Chart(inline(rows)).encode(x=size)
    band = base.mark_area(color=PALETTE[0], opacity=0.2).encode(
        y=alt.Y("low:Q", title=_LOSS, scale=alt.Scale(zero=False)), y2="high:Q"
    )
    line = base.mark_line(color=PALETTE[0], strokeWidth=2).encode(y=axis)
    marks = [{"size": gap.best.teacher_parameters, "of": "lowest loss"}]
    first, last = gap.points[0].teacher_parameters, gap.points[-1].teacher_parameters
    if first <= teacher <= last:
        marks.append({"size": teacher, "of": "the teacher asked for"})
    rules = (
        alt.Chart(inline(marks))
        .mark_rule(color=INK)
        .encode(x=size, strokeDash=alt.StrokeDash("of:N", title=None))
    )
    best = gap.best
    return Chart(
        "capacity-gap",
        f"A student of {gap.student_parameters:.3g} weights on {gap.tokens:.3g} tokens of teachers"
        f" that were trained on {gap.teacher_tokens:.3g} tokens each. Band: {LAW_ERROR:.0%} of the"
        " loss either way, the law's own error. Coefficients unverified (arXiv 2502.08606).",
        f"The lowest loss, {best.student_loss:.4f}, comes from a teacher of"
        f" {best.teacher_parameters:.3g} weights; the largest raises it by {gap.rise:.4f}.",
        styled((band + line + rules).properties(height=260)),
    )
