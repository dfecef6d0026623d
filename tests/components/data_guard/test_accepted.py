"""By what statistics are told apart."""

from pathlib import Path

from tfx.types import standard_artifacts

from components.data_guard import accepted


def test_the_digest_is_of_the_data_not_of_the_artifact(tmp_path, shop, statistics_artifact):
    splits = {"train": shop(200, seed=1), "eval": shop(100, seed=2)}
    first = statistics_artifact(tmp_path / "1", splits)
    again = statistics_artifact(tmp_path / "2", splits)
    assert accepted.digest(first) == accepted.digest(again)


def test_the_digest_changes_with_train_and_with_eval_but_not_with_what_clients_send(
    tmp_path, shop, statistics_artifact
):
    a, b, c = (shop(100, seed=seed) for seed in (1, 2, 3))
    digest = {
        name: accepted.digest(statistics_artifact(tmp_path / name, splits))
        for name, splits in {
            "base": {"train": a, "eval": b, "serving": a},
            "train": {"train": c, "eval": b, "serving": a},
            "eval": {"train": a, "eval": c, "serving": a},
            "serving": {"train": a, "eval": b, "serving": c},
        }.items()
    }
    assert len({digest["base"], digest["train"], digest["eval"]}) == 3
    assert digest["serving"] == digest["base"]


def test_published_statistics_are_a_copy_with_the_digest(tmp_path, shop, statistics_artifact):
    source = statistics_artifact(tmp_path / "source", {split: shop(100) for split in ("train", "eval", "serving")})
    source.span = 4
    output = standard_artifacts.ExampleStatistics()
    output.uri = str(tmp_path / "output")
    accepted.publish(source, output)
    assert (output.split_names, output.span) == (source.split_names, 4)
    assert output.get_string_custom_property("statistics_digest") == accepted.digest(source) == accepted.digest(output)
    for file in ("Split-train/FeatureStats.pb", "Split-eval/FeatureStats.pb", "Split-serving/FeatureStats.pb"):
        assert Path(output.uri, file).read_bytes() == Path(source.uri, file).read_bytes()
