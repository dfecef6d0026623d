"""What the paper reports."""

from collections.abc import Mapping

from models.settings import ModelName

# Preset with the paper's data and settings.
PRESET = "paper_table2"

# Ma et al., SIGIR 2018, table 2, Public Dataset: AUC in %, mean and standard deviation of ten runs, on the CVR task
# (over clicked impressions) and on the CTCVR task (over all).
TABLE_2: Mapping[ModelName, tuple[str, str]] = {
    "base": ("66.00 ± 0.37", "62.07 ± 0.45"),
    "aman": ("65.21 ± 0.59", "63.53 ± 0.57"),
    "oversampling": ("67.18 ± 0.32", "63.05 ± 0.48"),
    "unbias": ("66.65 ± 0.28", "63.56 ± 0.70"),
    "division": ("67.56 ± 0.48", "63.62 ± 0.09"),
    "esmm_ns": ("68.25 ± 0.44", "64.44 ± 0.62"),
    "esmm": ("68.56 ± 0.37", "65.32 ± 0.49"),
}
