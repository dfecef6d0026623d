import json
import re

import yaml

from pipeline.compare import published, report
from pipeline.compare.bootstrap import DRAWS
from pipeline.compare.runs import Result
from pipeline.config import load_config, to_yaml

PAPERS_ROW = "| esmm | 68.56 ± 0.37 | 60.00 | 65.32 ± 0.49 | 70.00 |"


def result(cvr: float, ctcvr: float) -> Result:
    metrics = {"cvr_auc_clicked": cvr, "ctcvr_auc_all": ctcvr, "pcvr_pcoc_clicked": float("nan")}
    return Result(3.5, metrics, {name: [value] * DRAWS for name, value in metrics.items()})


RESULTS = {("base", 1): result(0.5, 0.55), ("esmm", 1): result(0.6, 0.7)}


def test_the_papers_preset_has_the_papers_table(tmp_path):
    report.write(tmp_path, load_config(published.PRESET), RESULTS, [], None)
    assert PAPERS_ROW in (tmp_path / "results.md").read_text().splitlines()


def test_another_configuration_has_not(tmp_path):
    report.write(tmp_path, load_config("ali_ccp"), RESULTS, ["esmm, seed 2"], None)
    told = (tmp_path / "results.md").read_text()
    assert "68.56" not in told
    assert "GAUC is by" not in told
    assert "true_cvr" not in told
    assert "Failed: esmm, seed 2.\n" in told
    assert "| esmm | +0.1000 [+0.1000, +0.1000] | +0.1500 [+0.1500, +0.1500] |" in told.splitlines()
    assert "| esmm | – [–, –] |" in told.splitlines()


def test_the_plots_that_are_written_are_shown(tmp_path):
    report.write(tmp_path, load_config("ali_ccp"), RESULTS, [], None)
    shown = re.findall(r"^!\[.+\]\((.+)\)$", (tmp_path / "results.md").read_text(), re.MULTILINE)
    assert shown == ["auc.svg", "pcoc.svg"]
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "results.md", *shown}
    for model in ("base", "esmm"):
        assert f">{model}</text>" in (tmp_path / "auc.svg").read_text()


def test_json_has_all_runs_and_the_configuration(tmp_path):
    config = load_config("ali_ccp")
    report.write(tmp_path, config, RESULTS, ["esmm, seed 2"], None)
    tree = json.loads((tmp_path / "results.json").read_text())
    assert yaml.safe_load(tree["config"]) == yaml.safe_load(to_yaml(config))
    assert tree["failed"] == ["esmm, seed 2"]
    esmm = {"cvr_auc_clicked": 0.6, "ctcvr_auc_all": 0.7, "pcvr_pcoc_clicked": None}
    assert tree["runs"][1] == {"model": "esmm", "seed": 1, "seconds": 3.5, "metrics": esmm}
    assert tree["models"]["base"]["ctcvr_auc_all"] == {"mean": 0.55, "std": None, "low": 0.55, "high": 0.55}
