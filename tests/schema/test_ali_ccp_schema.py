"""The curated schema of Ali-CCP: the release's 23 fields, their weights, and what the preset makes of them."""

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config import load_config
from schema import check, load

USER = {"101", "109_14", "110_14", "127_14", "150_14", "121", "122", "124", "125", "126", "127", "128", "129"}
ITEM = {"205", "206", "207", "210", "216"}
CROSSES = {"508", "509", "702", "853"}
CONTEXT = {"301"}
FIELDS = USER | ITEM | CROSSES | CONTEXT
HISTORIES = {"109_14", "110_14", "127_14", "150_14"}
WEIGHTED = HISTORIES | CROSSES


@pytest.fixture(scope="module")
def ali_ccp() -> schema_pb2.Schema:
    return load.read_schema(load.schema_path("ali_ccp"))


def test_passes_the_checks_with_its_preset(ali_ccp):
    tree = load_config("ali_ccp")
    check.check_schema(ali_ccp, tree.data.log.labels.model_dump())
    check.check_fields(ali_ccp, tree.fields)
    check.check_slices(ali_ccp, tree.evaluation.slices)


def test_it_has_the_fields_of_the_release_and_their_weights(ali_ccp):
    served = load.usable_features(ali_ccp, "SERVING")
    assert len(FIELDS) == 23
    assert served.keys() == FIELDS | {f"{name}_weight" for name in WEIGHTED}
    assert load.usable_features(ali_ccp, "TRAINING").keys() == served.keys() | {"click", "conversion"}
    assert {name for name, feature in served.items() if load.is_multivalued(feature)} == (
        WEIGHTED | {"210"} | {f"{name}_weight" for name in WEIGHTED}
    )
    assert {served[name].type for name in FIELDS} == {schema_pb2.INT}
    assert {served[name].int_domain.min for name in FIELDS} == {0}


@pytest.mark.parametrize("name", sorted(WEIGHTED))
def test_weights_go_with_their_ids(ali_ccp, name):
    features = load.usable_features(ali_ccp, "SERVING")
    ids, weights = features[name], features[f"{name}_weight"]
    assert weights.type == schema_pb2.FLOAT
    assert weights.value_count == ids.value_count
    assert weights.presence == ids.presence


def test_only_labels_are_in_every_row(ali_ccp):
    always = {f.name for f in ali_ccp.feature if f.presence.min_fraction == 1}
    assert always == {"click", "conversion"}
    features = load.usable_features(ali_ccp, "SERVING")
    assert features["101"].presence.min_fraction == pytest.approx(0.99)
    assert features["205"].presence.min_fraction == pytest.approx(0.99)


def test_the_preset_has_every_field_with_its_entity():
    tree = load_config("ali_ccp")
    entities = {
        entity: {f.name for f in tree.fields if f.entity == entity} for entity in ("user", "item", "cross", "context")
    }
    assert entities == {"user": USER, "item": ITEM, "cross": CROSSES, "context": CONTEXT}
    assert {f.name: f.values for f in tree.fields if f.name in HISTORIES} == dict.fromkeys(HISTORIES, 50)
    assert tree.data.log.max_values == 50
