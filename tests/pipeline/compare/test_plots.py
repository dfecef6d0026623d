"""The files are read as a reader does: values by the ticks below them, models by the labels beside them."""

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import pytest

from pipeline.compare import plots
from pipeline.compare.bootstrap import DRAWS
from pipeline.compare.runs import Result

NAN = float("nan")
BLUE, BLACK, GREY = "#1f77b4", "#4c4c4c", "#999999"
GROUP, TEXT, USE, PATH = ("{http://www.w3.org/2000/svg}" + tag for tag in ("g", "text", "use", "path"))


@dataclass(frozen=True)
class Panel:
    """What is drawn of a metric; rows count from the top.

    Attributes:
        at: Across and down.
        models: Labels of the rows; none but in the first column.
        dots: Row and value, as in the next.
        strokes: See `dots`.
        bars: Begin and end, by row.
        lines: Values of the vertical lines.
        unmeasured: Rows that say so.
    """

    at: tuple[float, float]
    models: list[str]
    dots: list[tuple[int, float]]
    strokes: list[tuple[int, float]]
    bars: dict[int, tuple[float, float]]
    lines: list[float]
    unmeasured: list[int]


def panels(svg: str) -> dict[str, Panel]:
    groups = [group for group in ET.fromstring(svg).iter(GROUP) if re.match(r"axes_\d", group.get("id", ""))]
    return dict(map(panel, groups))


def panel(axes: ET.Element) -> tuple[str, Panel]:
    across, down = (group for group in axes if group.get("id", "").startswith("matplotlib.axis_"))
    ticks = [(float(text.text), float(text.get("x"))) for text in across.iter(TEXT)]
    (first, first_at), *_, (last, last_at) = ticks
    heights = sorted(float(use.get("y")) for use in down.iter(USE))

    def value(x: str) -> float:
        return first + (float(x) - first_at) * (last - first) / (last_at - first_at)

    def row(y: str) -> int:
        return int(np.argmin(np.abs(np.subtract(heights, float(y)))))

    def marks(colour: str) -> list[tuple[int, float]]:
        uses = [use for use in axes.iter(USE) if f"fill: {colour}" in use.get("style", "")]
        return sorted((row(use.get("y")), value(use.get("x"))) for use in uses)

    def lines(colour: str) -> list[list[str]]:
        """As in `[x, y, x, y]`."""
        paths = [path for path in axes.iter(PATH) if f"stroke: {colour}; stroke-width" in path.get("style", "")]
        # One without a value has no path.
        return [re.findall(r"[\d.]+", path.get("d")) for path in paths if path.get("d")]

    own = [text for group in axes if group.get("id", "").startswith("text_") for text in group.iter(TEXT)]
    (title,) = (text for text in own if text.text != "not measured")
    return title.text, Panel(
        (float(title.get("x")), float(title.get("y"))),
        [text.text for text in sorted(down.iter(TEXT), key=lambda text: float(text.get("y")))],
        marks(BLUE),
        marks(BLACK),
        {row(y): (value(low), value(high)) for low, y, high, _ in lines(BLUE)},
        [value(x) for x, *_ in lines(GREY)],
        [row(text.get("y")) for text in own if text.text == "not measured"],
    )


def result(**metrics: float) -> Result:
    return Result(1.0, metrics, {name: list(np.linspace(0.4, 0.8, DRAWS)) for name in metrics})


def test_each_model_has_its_seeds_their_mean_and_its_interval():
    aucs = {"esmm": (0.7, 0.8), "base": (0.62, 0.6), "aman": (0.5, 0.55)}
    results = {(model, seed): result(ctr_auc_all=of[seed - 1]) for seed in (1, 2) for model, of in aucs.items()}
    (drawn,) = panels(plots.plots(results)["auc.svg"]).values()
    assert drawn.models == ["esmm", "base", "aman"]
    close = {"abs": 1e-5}
    assert drawn.dots == [(0, pytest.approx(0.75, **close)), (1, pytest.approx(0.61, **close)),
                          (2, pytest.approx(0.525, **close))]  # fmt: skip
    assert drawn.strokes == [(row, pytest.approx(auc, **close)) for row, of in enumerate(aucs.values())
                             for auc in sorted(of)]  # fmt: skip
    # Both seeds have the same draws, from 0.4 to 0.8 in equal steps.
    assert drawn.bars == {row: pytest.approx((0.41, 0.79), **close) for row in range(3)}
    assert drawn.lines == []


METRICS = {
    "ctr_auc_all": 0.7,
    "ctr_gauc_all": 0.6,
    "pctr_pcoc_all": 1.2,
    "pctr_log_loss_all": 0.3,
    "cvr_auc_clicked": 0.6,
    "cvr_gauc_clicked": 0.7,
    "pcvr_pcoc_clicked": 0.8,
    "pcvr_log_loss_clicked": 0.2,
    "ctcvr_auc_all": 0.9,
    "ctcvr_gauc_all": 0.8,
    "pctcvr_pcoc_all": 1.1,
    "pctcvr_log_loss_all": 0.1,
}
TRUE = {"true_cvr_auc_all": 0.8, "true_cvr_auc_gap_all": 0.1, "pcvr_mae_all": 0.02, "pcvr_rmse_all": 0.03,
        "pcvr_true_pcoc_all": 1.4}  # fmt: skip


def test_a_file_for_each_question():
    titles = {file: set(panels(svg)) for file, svg in plots.plots({("esmm", 1): result(**METRICS, **TRUE)}).items()}
    assert titles == {
        "auc.svg": {name for name in METRICS if "auc" in name},
        "pcoc.svg": {"pctr_pcoc_all", "pcvr_pcoc_clicked", "pctcvr_pcoc_all"},
        "truth.svg": set(TRUE),
    }


def test_without_a_truth_there_is_no_plot_of_it():
    assert set(plots.plots({("esmm", 1): result(**METRICS)})) == {"auc.svg", "pcoc.svg"}


def test_an_output_is_a_column_with_the_models_beside_the_first():
    drawn = panels(plots.plots({("esmm", 1): result(**METRICS)})["auc.svg"])
    for task, space in (("ctr", "all"), ("cvr", "clicked"), ("ctcvr", "all")):
        auc, gauc = drawn[f"{task}_auc_{space}"], drawn[f"{task}_gauc_{space}"]
        assert auc.at[0] == gauc.at[0]
        assert auc.at[1] < gauc.at[1]
        assert auc.models == gauc.models == (["esmm"] if task == "ctr" else [])
    assert drawn["ctr_auc_all"].at < drawn["cvr_auc_clicked"].at < drawn["ctcvr_auc_all"].at


def test_pcocs_have_a_line_at_1():
    for file in ("pcoc.svg", "truth.svg"):
        drawn = panels(plots.plots({("esmm", 1): result(**METRICS, **TRUE)})[file])
        for metric, of in drawn.items():
            assert of.lines == ([pytest.approx(1, abs=1e-5)] if "pcoc" in metric else [])


def test_ticks_can_be_read_however_near_the_models_are():
    aucs = {"base": 0.700012, "esmm": 0.700017}
    results = {(model, 1): Result(1.0, {"ctr_auc_all": auc}, {"ctr_auc_all": [auc] * DRAWS})
               for model, auc in aucs.items()}  # fmt: skip
    (drawn,) = panels(plots.plots(results)["auc.svg"]).values()
    assert drawn.dots == [(row, pytest.approx(auc, abs=1e-8)) for row, auc in enumerate(aucs.values())]


def test_what_is_not_measured_is_told_in_its_row():
    missing = Result(1.0, {"ctr_auc_all": NAN}, {"ctr_auc_all": [NAN] * DRAWS})
    results = {("base", 1): result(ctr_auc_all=0.6), ("esmm", 1): missing, ("aman", 1): result(ctr_auc_all=0.7)}
    (drawn,) = panels(plots.plots(results)["auc.svg"]).values()
    assert drawn.models == ["base", "esmm", "aman"]
    assert drawn.unmeasured == [1]
    for marks in (drawn.dots, drawn.strokes):
        assert [row for row, value in marks if not math.isnan(value)] == [0, 2]
    assert set(drawn.bars) == {0, 2}


def test_nothing_is_measured_of_the_only_model():
    missing = Result(1.0, {"pctr_pcoc_all": NAN}, {"pctr_pcoc_all": [NAN] * DRAWS})
    (drawn,) = panels(plots.plots({("esmm", 1): missing})["pcoc.svg"]).values()
    assert (drawn.models, drawn.unmeasured, drawn.dots) == (["esmm"], [0], [])


def test_an_interval_without_a_value_leaves_the_mean():
    draws = {"ctr_auc_all": [0.7] * (DRAWS - 1) + [NAN]}
    (drawn,) = panels(plots.plots({("esmm", 1): Result(1.0, {"ctr_auc_all": 0.7}, draws)})["auc.svg"]).values()
    assert (drawn.dots, drawn.bars) == ([(0, pytest.approx(0.7))], {})


def test_the_same_results_are_the_same_files():
    results = {("esmm", 1): result(**METRICS)}
    assert plots.plots(results) == plots.plots(results)
