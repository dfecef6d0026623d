"""The files of a comparison: `results.json`, plots and `results.md`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pipeline.compare import bootstrap, files, plots, published, tables
from pipeline.compare.results import BASE, Results, differences, spreads
from pipeline.config import Config, to_yaml

_DIFFERENCES = f"""\
The mean over the seeds that a model and `{BASE}` both finished, of the difference with the same seed. In brackets its
95 % interval, from {bootstrap.DRAWS} bootstrap draws of the eval impressions, each with a draw of the seeds; of few
seeds it is too narrow.
"""

_PLOTS = f"""\
All models are judged on the same impressions: where intervals overlap, a difference can still be sure. Those to
`{BASE}` have intervals of their own.
"""

_PUBLISHED = """\
On the CTCVR task the paper multiplies each pCVR by the pCTR of one CTR network, trained apart; ours is each model's own
pCTCVR. The paper tells the best of several sampling rates for AMAN and OVERSAMPLING.
"""


def write(out: Path, config: Config, results: Results, failed: Sequence[str], user_field: str | None) -> None:
    """Writes all of them.

    Args:
        out: Folder to write to.
        config: Of all runs.
        results: Of those that finished.
        failed: Names of the others.
        user_field: As in `runs.Run`.

    Raises:
        InputError: The folder can't be written to.
    """
    of_models, to_base = spreads(results), differences(results)
    tree = {
        "config": to_yaml(config),
        "failed": failed,
        "runs": [
            {"model": model, "seed": seed, "seconds": result.seconds, "metrics": result.metrics}
            for (model, seed), result in results.items()
        ],
        "models": {model: {name: asdict(one) for name, one in by_name.items()} for model, by_name in of_models.items()},
        "differences": {
            model: {name: asdict(one) for name, one in by_name.items()} for model, by_name in to_base.items()
        },
    }
    files.write_whole(out / "results.json", files.to_json(tree))
    drawn = plots.plots(results)
    for name, svg in drawn.items():
        files.write_whole(out / name, svg)

    parts = [f"# {config.name}\n", _seeds_told(results), *(f"Failed: {name}.\n" for name in failed)]
    if config.name == published.PRESET:
        parts += [tables.markdown(tables.published_table(of_models)), _PUBLISHED]
    parts += map(tables.markdown, tables.spread_tables(of_models))
    if user_field:
        parts.append(
            f"GAUC is by `{user_field}`, each user's AUC weighted by its impressions. Users with one label alone, "
            "missing ones and those out of vocabulary are left out.\n"
        )
    if any("true_cvr_auc_all" in metrics for metrics in of_models.values()):
        parts.append("`true_cvr_auc_gap_*`: what the AUC lacks to that of the true rates, the best possible.\n")
    parts += ["## Plots\n", *(f"![{Path(name).stem}]({name})\n" for name in drawn), _PLOTS]
    if to_base:
        parts += [*map(tables.markdown, tables.difference_tables(to_base)), _DIFFERENCES]
    files.write_whole(out / "results.md", "\n".join(parts))


def _seeds_told(results: Results) -> str:
    seeds = sorted({seed for _, seed in results})
    return f"Mean ± standard deviation over the seeds {', '.join(map(str, seeds))}.\n"
