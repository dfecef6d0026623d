import pytest
import yaml

from pipeline import config
from schema.errors import InputError


def test_preset_splits_by_time_and_keeps_the_papers_network():
    tree = config.load_config("kuairand")
    assert tree.data.splits.eval == {"impressions": ("impressions-2022050[4-6].parquet",)}
    assert tree.data.log.labels.conversion == "is_like"
    assert (tree.model.embedding_dim, tree.model.hidden_units) == (18, (360, 200, 80))


def test_overrides_are_yaml_and_may_reach_any_depth():
    tree = config.load_config(
        "kuairand", ["train.epochs=3", "fields.user_id.min_count=7", "model.hidden_units=[8, 4]", "data.base=x=y"]
    )
    assert tree.train.epochs == 3
    assert tree.fields[0].name == "user_id"
    assert tree.fields[0].min_count == 7
    assert tree.model.hidden_units == (8, 4)
    assert tree.data.base == "x=y"


def test_a_new_field_can_be_set():
    tree = config.load_config("kuairand", ["fields.is_lowactive_period.entity=user"])
    assert tree.fields[-1].name == "is_lowactive_period"


@pytest.mark.parametrize("preset", ["kuairand", "ali_ccp"])
def test_vocabularies_are_counted_anew_unless_told_otherwise(preset):
    assert config.load_config(preset).vocabularies.carry_on == "none"
    for other in ("last", "/runs/may/graph", "gs://bucket/graph"):
        tree = config.load_config(preset, [f"vocabularies.carry_on={other}"])
        assert tree.vocabularies.carry_on == other


def test_din_takes_fields_with_a_history():
    tree = config.load_config(
        "kuairand", ["model.tower=din", "fields.watch_history={entity: user, values: 20, vocabulary: video_id}"]
    )
    assert tree.model.tower == "din"


def test_a_tuner_may_be_set_as_a_tree_and_reads_back_equal(tmp_path):
    assert config.load_config("kuairand").tuner is None
    overrides = ["tuner.space.train.learning_rate={min: 1e-4, max: 0.01, log: true}", "tuner.trials=3"]
    tree = config.load_config("kuairand", [*overrides, "tuner.space.model.hidden_units.choices=[[8], [4, 2]]"])
    assert list(tree.tuner.space) == ["train.learning_rate", "model.hidden_units"]
    assert tree.tuner.space["train.learning_rate"].min == 0.0001
    path = tmp_path / "shown.yaml"
    path.write_text(config.to_yaml(tree))
    assert config.load_config(str(path)) == tree


def test_a_wrong_setting_is_told_before_the_tuner_that_tries_others():
    with pytest.raises(InputError, match=r"`train.epochs`: Input should be greater than 0"):
        config.load_config("kuairand", ["tuner.space.train.epochs={min: 1, max: 2}", "train.epochs=0"])


def test_a_wrong_field_is_told_before_what_din_lacks():
    with pytest.raises(InputError, match=r"`fields.tags.values`: Input should be greater than 0"):
        config.load_config("kuairand", ["model.tower=din", "fields.tags.values=0"])


def test_files_are_given_by_the_roles_of_the_format():
    with pytest.raises(InputError) as error:
        config.load_config("kuairand", ["data.log.format=events", "data.log.duplicates=null"])
    assert str(error.value) == (
        "kuairand: `data`: splits.train should have files by role, impressions, clicks, conversions, "
        "for format events; it has impressions"
    )
    tree = config.load_config("ali_ccp")
    assert tree.data.splits.eval == {
        "skeleton": ("sample_skeleton_test.csv",),
        "common_features": ("common_features_test.csv",),
    }


def test_shown_configuration_reads_back_equal(tmp_path):
    tree = config.load_config("kuairand", ["train.epochs=3"])
    path = tmp_path / "shown.yaml"
    path.write_text(config.to_yaml(tree))
    assert config.load_config(str(path)) == tree


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=1", "unknown key `train.epoch`; did you mean `epochs`?"),
        ("trian.epochs=1", "unknown key `trian`; did you mean `train`?"),
        ("data.log.label.click=x", "unknown key `data.log.label`; did you mean `labels`?"),
        ("fields.user_id.min_cout=1", "unknown key `fields.user_id.min_cout`; did you mean `min_count`?"),
        (
            "data.log.format=ali_ccp",
            "`data.log`: duplicates.key should be [sample_id] for format ali_ccp. "
            "Received: ['user_id', 'video_id', 'time_ms']",
        ),
        (
            "data.splits.eval={skeleton: [x]}",
            "`data`: splits.eval should be a list of files for format parquet",
        ),
        ("data.log.columns=[a]", "`data.log`: columns should be given for format csv only. Received: format parquet"),
        ("vocabularies.cary_on=last", "unknown key `vocabularies.cary_on`; did you mean `carry_on`?"),
        ("vocabularies=last", "`vocabularies`: Input should be a valid dictionary"),
        ("vocabularies.carry_on=", "`vocabularies.carry_on`: Input should be a valid string. Received: None"),
        ("data.log.duplicates.kez=1", "unknown key `data.log.duplicates.kez`; did you mean `key`?"),
        ("data.serving_sample={files: [x]}", "`data.serving_sample.format` should be given; it is missing"),
        ("data.log.max_dead_letter_share=2", "`data.log.max_dead_letter_share`: Input should be less than or equal"),
        ("train.epochs=0", "`train.epochs`: Input should be greater than 0. Received: 0"),
        ("train.epochs=many", "`train.epochs`: Input should be a valid integer"),
        ("fields.user_id.entity=person", "`fields.user_id.entity`: Input should be 'user', 'item'"),
        ("data.log.conversion_without_click=keep", "`data.log.conversion_without_click`: Input should be 'drop'"),
        ("data.splits.eval=[]", "`data.splits.eval.impressions`: Tuple should have at least 1 item"),
        (
            "train.final_learning_rate=2",
            "`train.final_learning_rate`: Input should be less than or equal to 1",
        ),
        (
            "train.embedding_optimizer=sgd",
            "`train.embedding_optimizer`: Input should be 'lazy_adam', 'adam', 'adagrad'",
        ),
        ("train.clip_norm=0", "`train.clip_norm`: Input should be greater than 0. Received: 0"),
        ("train.warmup_share=1", "`train.warmup_share`: Input should be less than 1. Received: 1"),
        (
            "train={schedule: cosine, final_learning_rate: 1}",
            "`train`: schedule cosine should have a final_learning_rate below 1. Received: 1",
        ),
        ("model.tower=mlpp", "`model.tower`: Input should be 'mlp', 'cross', 'din' or 'mmoe'. Received: 'mlpp'"),
        (
            "model.tower=din",
            "`model`: tower din should have a field of several values whose `vocabulary` is a field of one value. "
            "Received: 39 fields, none of them such",
        ),
        ("model.mlp.drop_out=0.1", "unknown key `model.mlp.drop_out`; did you mean `dropout`?"),
        ("model.mlp.dropout=1", "`model.mlp.dropout`: Input should be less than 1. Received: 1"),
        ("model.mlp.l2=-1", "`model.mlp.l2`: Input should be greater than or equal to 0. Received: -1"),
        ("model.mlp.kernel_initializer=ones", "`model.mlp.kernel_initializer`: Input should be 'glorot_uniform'"),
        ("model.cross.layers=0", "`model.cross.layers`: Input should be greater than 0. Received: 0"),
        ("model.cross.projection_dim=0", "`model.cross.projection_dim`: Input should be greater than 0. Received: 0"),
        ("model.din.hidden_units=[]", "`model.din.hidden_units`: Tuple should have at least 1 item"),
        ("model.mmoe.experts=0", "`model.mmoe.experts`: Input should be greater than 0. Received: 0"),
        ("tuner.trials=3", "`tuner.space` should be given; it is missing"),
        ("tuner.space={}", "`tuner.space`: Dictionary should have at least 1 item"),
        (
            "tuner={methd: random, space: {train.epochs: {choices: [1]}}}",
            "unknown key `tuner.methd`; did you mean `method`?",
        ),
        (
            "tuner={metric: auc, space: {train.epochs: {choices: [1]}}}",
            "`tuner.metric`: Input should be 'ctr_auc_all', 'cvr_auc_clicked' or 'ctcvr_auc_all'. Received: 'auc'",
        ),
        (
            "tuner={validation_share: 1, space: {train.epochs: {choices: [1]}}}",
            "`tuner.validation_share`: Input should be less than 1. Received: 1",
        ),
        (
            "tuner.space.train.learning_rate={mim: 1, max: 2}",
            "unknown key `tuner.space.train.learning_rate.mim`; did you mean `min`?",
        ),
        (
            "tuner.space.train.learning_rat={min: 1, max: 2}",
            "`tuner`: space should have settings of `model` and `train`. Received: train.learning_rat, which is none; "
            "did you mean `train.learning_rate`?",
        ),
        (
            "tuner.space.train.learning_rate={min: 0, max: 1}",
            "`tuner`: space.train.learning_rate: Input should be greater than 0. Received: 0",
        ),
        ("tuner.space.model.tower.choices=[mlp, din]", "`tuner`: tower din should have a field of several values"),
        ("name=../x", "`name`: String should match pattern"),
        ("train=[", "--set train should be YAML"),
        ("train", "--set should be key=value. Received: train"),
        ("name.x=1", "--set name.x: `name` should have keys below it. Received: a value, 'kuairand'"),
        ("fields={}", "`fields`: Tuple should have at least 1 item"),
    ],
)
def test_wrong_override_is_told_with_its_key(override, message):
    with pytest.raises(InputError) as caught:
        config.load_config("kuairand", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_key_is_named(tmp_path):
    path = tmp_path / "half.yaml"
    path.write_text(yaml.safe_dump({"name": "half", "schema": "kuairand", "fields": {"tab": {"entity": "context"}}}))
    with pytest.raises(InputError, match=r"half.yaml: `data` should be given; it is missing"):
        config.load_config(str(path))


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "should be YAML"), ("- a", "should hold keys and values. Received: list")]
)
def test_file_that_is_no_configuration(tmp_path, text, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        config.load_config(str(path))


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(
        InputError, match=r"--config should be a file or one of: ali_ccp, kuairand, paper_table2. Received: kuairnd"
    ):
        config.load_config("kuairnd")


def test_configuration_is_frozen():
    tree = config.load_config("kuairand")
    with pytest.raises(ValueError, match="frozen"):
        tree.train.epochs = 2
