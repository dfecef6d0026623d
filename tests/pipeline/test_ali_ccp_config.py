from pipeline.config import load_config


def test_preset_splits_as_the_release_does_and_has_the_papers_network():
    tree = load_config("ali_ccp")
    assert tree.data.log.format == "ali_ccp"
    assert tree.data.splits.train == {
        "skeleton": ("sample_skeleton_train.csv",),
        "common_features": ("common_features_train.csv",),
    }
    assert tree.data.splits.eval == {
        "skeleton": ("sample_skeleton_test.csv",),
        "common_features": ("common_features_test.csv",),
    }
    assert (tree.model.embedding_dim, tree.model.hidden_units) == (18, (360, 200, 80))


def test_a_field_whose_name_is_a_number_can_be_set():
    tree = load_config("ali_ccp", ["fields.109_14.values=7", "fields.101.min_count=3"])
    changed = {field.name: field for field in tree.fields}
    assert (changed["109_14"].values, changed["101"].min_count) == (7, 3)
    assert len(changed) == 23


def test_any_subset_of_the_fields_will_do():
    tree = load_config("ali_ccp", ["fields={'101': {entity: user}, '205': {entity: item}}"])
    assert [field.name for field in tree.fields] == ["101", "205"]
