"""Metrics as dot plots: a row for each model."""

import io
import math
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.settings import ModelName
from pipeline.compare import tables
from pipeline.compare.results import Results, Spread, spreads

# Each plot answers one question: which model ranks best, whose probabilities are right, which comes near the truth.
_FILES = {
    tables.RANKING: "auc.svg",
    tables.CALIBRATION: "pcoc.svg",
    tables.TRUE_RANKING: "truth.svg",
    tables.TRUE_ERROR: "truth.svg",
}

# As many as there are outputs, and as there are spaces of the truth; metrics come one after the other within each.
_COLUMNS = 3

_INCHES_WIDE = 9.0
_INCHES_OF_MODEL, _INCHES_OF_PANEL, _INCHES_OF_LEGEND = 0.2, 0.6, 0.3


def plots(results: Results) -> dict[str, str]:
    """SVG by the name of its file; that of the truth only where it is known.

    Each has a panel for each metric, with a row for each model, in the order of the results: the mean as a dot, its
    95 % interval as a bar, each seed as a stroke. PCOCs have a line at 1. Log losses are in no plot: what is a good one
    depends on the data.
    """
    of_models = spreads(results)
    metrics: dict[str, list[str]] = {}
    for metric in next(iter(of_models.values())):
        if "log_loss" not in metric:
            metrics.setdefault(_FILES[tables.kind(metric)], []).append(metric)
    # Text stays text, which is small and can be searched; ids that are not random make the same results the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "esmm", "font.size": 8}):
        return {file: _svg(_figure(results, of_models, names)) for file, names in metrics.items()}


def _figure(results: Results, of_models: Mapping[ModelName, Mapping[str, Spread]], metrics: Sequence[str]) -> Figure:
    """A panel for each metric, with a scale of its own."""
    rows = math.ceil(len(metrics) / _COLUMNS)
    columns = math.ceil(len(metrics) / rows)
    height = rows * (_INCHES_OF_PANEL + _INCHES_OF_MODEL * len(of_models)) + _INCHES_OF_LEGEND
    figure = Figure((_INCHES_WIDE, height), layout="constrained")
    for place, metric in enumerate(metrics):
        column, row = divmod(place, rows)
        axes = figure.add_subplot(rows, columns, row * columns + column + 1)
        axes.set_title(metric, fontsize="medium")
        by_seed = [(model, result.metrics[metric]) for (model, _), result in results.items()]
        _draw(axes, {model: of[metric] for model, of in of_models.items()}, by_seed)
        if "pcoc" in metric:
            axes.axvline(1.0, color="0.6", linewidth=0.8, zorder=0)
        if column:
            axes.tick_params(labelleft=False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _draw(axes: Axes, of_models: Mapping[ModelName, Spread], by_seed: Sequence[tuple[ModelName, float]]) -> None:
    """A row for each model, the first on top."""
    rows = {model: row for row, model in enumerate(of_models)}
    for model, spread in of_models.items():
        if math.isnan(spread.mean):
            across = axes.get_yaxis_transform()
            axes.text(0.5, rows[model], "not measured", transform=across, ha="center", va="center", color="0.5")
    means, lows, highs = zip(*((spread.mean, spread.low, spread.high) for spread in of_models.values()), strict=True)
    seeds, values = zip(*by_seed, strict=True)
    levels = list(rows.values())
    axes.hlines(levels, lows, highs, color="tab:blue", label="95 % interval of the mean")
    axes.plot(values, [rows[model] for model in seeds], "|", color="0.3", label="one seed")
    axes.plot(means, levels, "o", color="tab:blue", markersize=4, label="mean over the seeds")
    axes.set_yticks(levels, list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)


def _svg(figure: Figure) -> str:
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()
