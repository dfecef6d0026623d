import io

from rich.console import Console

from pipeline.compare import tables
from pipeline.compare.results import Difference, Spread

NAN = float("nan")
METRICS = ("ctr_auc_all", "cvr_auc_clicked", "cvr_gauc_clicked", "ctcvr_auc_all", "pctr_pcoc_all", "pctr_log_loss_all")
TRUE = ("true_cvr_auc_all", "true_cvr_auc_gap_all", "pcvr_mae_all", "pcvr_rmse_all", "pcvr_true_pcoc_all")


def spreads(*metrics: str, std: float = 0.00126) -> dict:
    return {
        model: {metric: Spread(0.5 + 0.01 * place + add, std, NAN, NAN) for place, metric in enumerate(metrics)}
        for model, add in (("base", 0.0), ("esmm", 0.1))
    }


def test_a_table_for_each_kind_of_metric():
    found = list(tables.spread_tables(spreads(*METRICS, *TRUE)))
    assert [(table.title, table.columns[1:]) for table in found] == [
        ("AUC and GAUC", ["ctr_auc_all", "cvr_auc_clicked", "cvr_gauc_clicked", "ctcvr_auc_all"]),
        ("PCOC and log loss", ["pctr_pcoc_all", "pctr_log_loss_all"]),
        ("pCVR's AUC by the true conversion rates", ["true_cvr_auc_all", "true_cvr_auc_gap_all"]),
        (
            "pCVR's error against the true conversion rates",
            ["pcvr_mae_all", "pcvr_rmse_all", "pcvr_true_pcoc_all"],
        ),
    ]


def test_markdown():
    (table,) = tables.spread_tables(spreads("ctr_auc_all", "ctcvr_auc_all"))
    assert tables.markdown(table) == (
        "## AUC and GAUC\n\n"
        "| model | ctr_auc_all | ctcvr_auc_all |\n"
        "| --- | --- | --- |\n"
        "| base | 0.5000 ± 0.0013 | 0.5100 ± 0.0013 |\n"
        "| esmm | 0.6000 ± 0.0013 | 0.6100 ± 0.0013 |\n"
    )


def test_one_seed_has_no_deviation_and_no_value_is_a_dash():
    assert tables.spread_told(Spread(0.5, NAN, 0.4, 0.6)) == "0.5000"
    assert tables.spread_told(Spread(NAN, NAN, NAN, NAN)) == "–"


def test_differences_have_signs_and_intervals():
    difference = Difference({1: 0.01, 2: 0.03}, 0.02, -0.001, 0.04)
    (table,) = tables.difference_tables({"esmm": {"ctr_auc_all": difference}})
    assert table.title == "AUC and GAUC, less those of base"
    assert table.rows == [["esmm", "+0.0200 [-0.0010, +0.0400]"]]


def test_the_papers_numbers_stand_beside_ours_in_percent():
    table = tables.published_table(spreads("cvr_auc_clicked", "ctcvr_auc_all"))
    assert table.rows == [
        ["base", "66.00 ± 0.37", "50.00 ± 0.13", "62.07 ± 0.45", "51.00 ± 0.13"],
        ["esmm", "68.56 ± 0.37", "60.00 ± 0.13", "65.32 ± 0.49", "61.00 ± 0.13"],
    ]


def test_the_screen_shows_the_aucs_on_80_columns():
    shown = io.StringIO()
    console = Console(file=shown, width=80)
    console.print(tables.screen_table(spreads(*METRICS, *TRUE)))
    lines = shown.getvalue().splitlines()
    assert lines[0].split() == ["model", "ctr_auc_all", "cvr_auc_clicked", "ctcvr_auc_all", "true_cvr_auc_all"]
    assert lines[2].split(maxsplit=1) == ["esmm", "0.6000 ± 0.0013  0.6100 ± 0.0013  0.6300 ± 0.0013   0.6600 ± 0.0013"]
    assert len(lines) == 3
