"""Results as tables, for Markdown and the screen."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import rich.table

from models.settings import ModelName
from pipeline.compare import published
from pipeline.compare.results import BASE, Difference, Spread

_Spreads = Mapping[ModelName, Mapping[str, Spread]]
_Differences = Mapping[ModelName, Mapping[str, Difference]]

# Shown on the screen; the last is there with a truth alone.
_ON_SCREEN = ("ctr_auc_all", "cvr_auc_clicked", "ctcvr_auc_all", "true_cvr_auc_all")

RANKING, CALIBRATION = "AUC and GAUC", "PCOC and log loss"
TRUE_RANKING, TRUE_ERROR = "pCVR's AUC by the true conversion rates", "pCVR's error against the true conversion rates"


@dataclass(frozen=True)
class Table:
    """A cell of text for each row and column; the first column has names."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def spread_tables(spreads: _Spreads) -> Iterator[Table]:
    """Models by metrics, mean ± standard deviation, in a table for each kind of metric."""
    for title, metrics in _kinds(spreads).items():
        rows = [[model, *(spread_told(values[metric]) for metric in metrics)] for model, values in spreads.items()]
        yield Table(title, ["model", *metrics], rows)


def difference_tables(differences: _Differences) -> Iterator[Table]:
    """Models by metrics, difference to BASE with its interval, in a table for each kind of metric."""
    for title, metrics in _kinds(differences).items():
        rows = [[model, *(_difference_told(of[metric]) for metric in metrics)] for model, of in differences.items()]
        yield Table(f"{title}, less those of {BASE}", ["model", *metrics], rows)


def published_table(spreads: _Spreads) -> Table:
    """The paper's table 2 beside ours, in %."""
    rows = []
    for model, (cvr, ctcvr) in published.TABLE_2.items():
        if model in spreads:
            ours = [spread_told(spreads[model][name], 100, 2) for name in ("cvr_auc_clicked", "ctcvr_auc_all")]
            rows.append([model, cvr, ours[0], ctcvr, ours[1]])
    columns = ["model", "CVR task, paper", "CVR task, ours", "CTCVR task, paper", "CTCVR task, ours"]
    return Table("Ma et al., SIGIR 2018, table 2: AUC in %", columns, rows)


def screen_table(spreads: _Spreads) -> rich.table.Table:
    """The AUCs alone."""
    metrics = [metric for metric in _ON_SCREEN if metric in next(iter(spreads.values()))]
    table = rich.table.Table("model", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for metric in metrics:
        table.add_column(metric, justify="right")
    for model, values in spreads.items():
        table.add_row(model, *(spread_told(values[metric]) for metric in metrics))
    return table


def markdown(table: Table) -> str:
    """A section of a Markdown file."""
    head = [f"## {table.title}", "", _line(table.columns), _line(["---"] * len(table.columns))]
    return "\n".join([*head, *map(_line, table.rows)]) + "\n"


def spread_told(spread: Spread, scale: float = 1.0, digits: int = 4) -> str:
    """As in `0.7435 ± 0.0012`; of one seed without the second part."""
    mean = _number(spread.mean * scale, f".{digits}f")
    return mean if math.isnan(spread.std) else f"{mean} ± {spread.std * scale:.{digits}f}"


def _difference_told(difference: Difference) -> str:
    low, mean, high = (_number(value, "+.4f") for value in (difference.low, difference.mean, difference.high))
    return f"{mean} [{low}, {high}]"


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _kinds(of_models: Mapping[ModelName, Mapping[str, object]]) -> dict[str, list[str]]:
    """Metrics by the title of their table."""
    kinds: dict[str, list[str]] = {}
    for metric in next(iter(of_models.values()), {}):
        kinds.setdefault(kind(metric), []).append(metric)
    return kinds


def kind(metric: str) -> str:
    """Title of the table that has a metric."""
    if metric.startswith("true_cvr_auc"):
        return TRUE_RANKING
    if metric.startswith(("pcvr_mae", "pcvr_rmse", "pcvr_true")):
        return TRUE_ERROR
    return RANKING if "auc" in metric else CALIBRATION


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
