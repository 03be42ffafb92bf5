"""The costs of a period as one picture, where matplotlib is installed: it shows everywhere, in an untrusted file, too."""

from __future__ import annotations

import base64
import importlib.util
import io
import warnings
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.spending.sums import BLUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.notebook.spending.sums import Chart, Costs

__all__ = ["can_draw", "picture_forms"]

_INK = "#797979"
"""A grey with the same contrast, 4.4, to white and to the black of dark pages: the picture's ground is theirs."""

_DPI = 160
_SHOWN_DPI = 80


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def picture_forms(costs: Costs, charts: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Draw charts, and cost against duration; give the forms of an output, and its metadata."""
    import matplotlib

    # Names are data: with a user's usetex they would be run as TeX.
    with matplotlib.rc_context({"text.usetex": False}):
        return _drawn(costs, charts)


def _drawn(costs: Costs, charts: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [costs.charts[name] for name in charts if name != "duration" and costs.charts[name].bars]
    heights = [max(2, len(chart.bars)) * 0.3 + 0.6 for chart in shown] + ([3.6] if costs.points else [])
    # No pyplot: the user's own figures and backend are left alone.
    figure = Figure(figsize=(7.2, sum(heights) + 0.4), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, chart in zip(axes, shown, strict=False):
        _draw_bars(axis, chart)
    if costs.points:
        _draw_points(axes[-1], costs)
    made = io.BytesIO()
    with warnings.catch_warnings():
        # A name may have letters that no font here has; they are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(made, format="png", transparent=True, metadata={"Software": None})
    width, height = canvas.get_width_height()
    # Unconfined: on a narrow page it scrolls, where letters of 5 px could not be read.
    size = {
        "width": width * _SHOWN_DPI // _DPI,
        "height": height * _SHOWN_DPI // _DPI,
        "unconfined": True,
    }
    titles = [chart.title for chart in shown] + (["cost against duration"] if costs.points else [])
    forms = {
        "image/png": base64.b64encode(made.getvalue()).decode(),
        "text/plain": f"Picture: what the research cost, {costs.period.name}: {'; '.join(titles)}. The figures stand above.",
    }
    return forms, {"image/png": size}


def _draw_bars(axis: Any, chart: Chart) -> None:
    places = range(len(chart.bars))
    axis.barh(places, [bar.reported for bar in chart.bars], color=BLUE, height=0.6)
    axis.barh(
        places,
        [bar.estimated for bar in chart.bars],
        left=[bar.reported for bar in chart.bars],
        facecolor="none",
        edgecolor=BLUE,
        linewidth=[1.0 if bar.estimated else 0.0 for bar in chart.bars],
        height=0.6,
    )
    axis.set_yticks(places, [bar.name for bar in chart.bars])
    for label in axis.get_yticklabels():
        # Names are data: a dollar sign in one begins no formula.
        label.set_parse_math(False)
    axis.set_ylim(max(2, len(chart.bars)) - 0.5, -0.5)
    most = max((bar.reported + bar.estimated for bar in chart.bars), default=0.0) or 1.0
    axis.set_xlim(0, most * 1.18)
    for place, bar in zip(places, chart.bars, strict=True):
        axis.annotate(
            bar.amount,
            (bar.reported + bar.estimated, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=_INK,
        )
    _plain_axis(axis, chart.title)
    axis.xaxis.set_visible(False)


def _draw_points(axis: Any, costs: Costs) -> None:
    for estimated in (False, True):
        chosen = [point for point in costs.points if point.estimated is estimated]
        axis.scatter(
            [point.seconds / 60 for point in chosen],
            [point.cost for point in chosen],
            s=26,
            facecolor="none" if estimated else BLUE,
            edgecolor=BLUE,
            linewidth=1.0,
            alpha=1.0 if estimated else 0.75,
        )
    told = " (simulated)" if costs.simulated else ""
    _plain_axis(axis, f"Cost against time taken, one dot a job{told}")
    axis.set_xlabel("minutes", color=_INK, fontsize=10)
    axis.set_ylabel("USD", color=_INK, fontsize=10)
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.grid(visible=True, color=_INK, alpha=0.25, linewidth=0.6)


def _plain_axis(axis: Any, title: str) -> None:
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
    axis.tick_params(colors=_INK, labelsize=10, length=0)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "left")
        spine.set_color(_INK)
    axis.set_facecolor("none")
