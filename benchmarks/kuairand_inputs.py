"""What LightGBM sees of KuaiRand: the columns that the fields of the preset `kuairand` are made of.

LightGBM takes no lists, so it gets what they say about the candidate. Whatever is learnt from the log (categories,
videos' authors and tags, rates) comes from days before the first judged one.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

PRESET = Path(__file__).parents[1] / "pipeline" / "configs" / "kuairand.yaml"
IDS = ["user_id", "video_id", "author_id", "music_id"]
CATEGORY = "(category)"  # ends the names of features that are category codes
SMOOTHING = 20  # impressions, or clicks, that the overall rate counts for


def read(directory: Path) -> pa.Table:
    """All days, one after the other, with the columns `day`, `click` and `conversion`."""
    days = []
    for path in sorted(directory.glob("impressions-*.parquet")):
        day = pq.read_table(path)
        days.append(day.append_column("day", pa.array([int(path.stem[-8:])] * day.num_rows)))
    log = pa.concat_tables(days).combine_chunks()
    conversion = pc.multiply(log["is_like"], log["is_click"])  # as_no_conversion
    return log.append_column("click", log["is_click"]).append_column("conversion", conversion)


def codes(values: pd.Series, fitted: np.ndarray) -> np.ndarray:
    """Category codes of the fitted days' values; -1, LightGBM's missing value, for others."""
    return pd.Categorical(values, categories=np.sort(values[fitted].dropna().unique())).codes


def features(log: pa.Table, first_judged_day: int) -> pd.DataFrame:
    """A float or category code per impression and feature; categories are those of the days before the judged ones."""
    fields = yaml.safe_load(PRESET.read_text())["fields"]
    fitted = log["day"].to_numpy() < first_judged_day
    columns, lists = {}, []
    for name, field in fields.items():
        column = field.get("feature", name)
        if pa.types.is_list(log.schema.field(column).type):
            lists += [column] if column == name else []
        elif field.get("encoding") == "buckets":
            columns[name] = log[column].to_numpy()
        else:
            columns[f"{name} {CATEGORY}"] = codes(log[column].to_pandas(), fitted)
    for name in lists:
        columns[f"{name} length"] = pc.fill_null(pc.list_value_length(log[name]), 0).to_numpy()
    columns[f"first_tag {CATEGORY}"] = codes(first_tag(log), fitted)
    columns |= tags(log, fitted) | history_matches(log, fitted)
    return pd.DataFrame(columns)


def first_tag(log: pa.Table) -> pd.Series:
    return log["tags"].to_pandas().str[0]


def tags(log: pa.Table, fitted: np.ndarray) -> dict[str, np.ndarray]:
    """0 or 1 per tag of the fitted days."""
    impression, tag = pc.list_parent_indices(log["tags"]).to_numpy(), pc.list_flatten(log["tags"]).to_pandas()
    return {
        f"tag {one}": np.bincount(impression, tag == one, minlength=log.num_rows)
        for one in sorted(tag[fitted[impression]].unique())
    }


def history_matches(log: pa.Table, fitted: np.ndarray) -> dict[str, np.ndarray]:
    """How many videos of a history are the candidate, of its author, of its first tag, if the fitted days tell."""
    video, author = log["video_id"].to_numpy(), log["author_id"].to_numpy()
    tag = codes(first_tag(log), fitted).astype(np.int64)
    columns = {}
    for name in ["watch_history", "like_history"]:
        impression = pc.list_parent_indices(log[name]).to_numpy()
        watched = pc.list_flatten(log[name]).to_numpy()
        columns[f"{name} video"] = np.bincount(impression, watched == video[impression], minlength=log.num_rows)
        for what, value in {"author": author, "tag": tag}.items():
            of_video = np.full(1 + max(video.max(), watched.max()), -1)
            of_video[video[fitted]] = value[fitted]
            matches = (of_video[watched] == value[impression]) & (value[impression] >= 0)
            columns[f"{name} {what}"] = np.bincount(impression, matches, minlength=log.num_rows)
    return columns


def earlier_rates(log: pa.Table, first_judged_day: int) -> pd.DataFrame:
    """Target encoding: of each id, impressions, CTR, CVR and CTCVR on the days before; judged days see none of them."""
    keys = log.select([*IDS, "day", "click", "conversion"]).to_pandas().assign(tag=first_tag(log), impression=1)
    by_day = []
    for day, rows in keys.groupby("day"):
        earlier = keys[keys["day"] < min(day, first_judged_day)]
        overall = earlier[["impression", "click", "conversion"]].sum()
        columns = {}
        for key in [*IDS, "tag"]:
            sums = earlier.groupby(key)[["impression", "click", "conversion"]].sum()
            sums = sums.reindex(rows[key]).fillna(0).set_axis(rows.index)
            columns[f"{key} impressions"] = sums["impression"]
            for rate, label, of in [("ctr", "click", "impression"), ("cvr", "conversion", "click")]:
                prior = overall[label] / overall[of] if len(earlier) else np.nan
                columns[f"{key} {rate}"] = (sums[label] + SMOOTHING * prior) / (sums[of] + SMOOTHING)
            columns[f"{key} ctcvr"] = columns[f"{key} ctr"] * columns[f"{key} cvr"]
        by_day.append(pd.DataFrame(columns))
    return pd.concat(by_day)
