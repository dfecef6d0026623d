"""The executor's real `Do` on real files of packed examples: shares worked out by hand."""

import gzip
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental.simple_artifacts import File

from components.tfrecord.frame import frame
from components.vocabulary_report import report
from components.vocabulary_report.executor import Executor
from components.vocabulary_report.report import FieldReport
from pipeline.beam import LOCAL_ARGS
from schema import blocks, vocabulary
from schema import fields as schema_fields
from schema.fields import Field
from schema.vocabulary import Entry

Ids = Sequence[Sequence[int]]


def packed_examples(ids: Ids) -> list[bytes]:
    """A block, with labels that are never 0, and weights, which nothing should be told of."""
    rows = len(ids)
    return blocks.encode(
        {
            "click": np.full(rows, 7),
            "conversion": np.full(rows, 8),
            "ids": np.array([list(row) for row in ids]),
            "weights": np.full([rows, 2], 9, np.float32),
        }
    )


@pytest.fixture
def reported(tmp_path):
    """Reports on fields, by name. Splits come as lists of files, a file as a list of examples' ids."""

    def run(
        fields: Sequence[Field], train: Sequence[Ids], evaluation: Sequence[Ids], **sizes: int
    ) -> dict[str, FieldReport]:
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
        for split, files in (("train", train), ("eval", evaluation)):
            folder = Path(artifact_utils.get_split_uri([examples], split))
            os.makedirs(folder)
            for number, ids in enumerate(files):
                records = b"".join(map(frame, packed_examples(ids) if ids else []))
                (folder / f"transformed_examples-{number:05}.gz").write_bytes(gzip.compress(records))
        graph = standard_artifacts.TransformGraph()
        graph.uri = str(tmp_path / "graph")
        if sizes:
            assets = Path(vocabulary.directory(graph.uri))
            os.makedirs(assets)
            entries = [
                Entry(
                    field=name, number=i, feature=name, dtype="int64", file="x", first_line=i, size=size, oov_buckets=1
                )
                for i, (name, size) in enumerate(sizes.items(), 1)
            ]
            (assets / vocabulary.ENTRIES_FILE).write_text(vocabulary.to_json(entries))
        output = File()
        output.uri = str(tmp_path / "report")
        Executor(BaseBeamExecutor.Context(beam_pipeline_args=list(LOCAL_ARGS))).Do(
            {"transformed_examples": [examples], "transform_graph": [graph]},
            {"report": [output]},
            {"fields": schema_fields.to_json(fields), "fingerprint": ""},
        )
        reports = report.from_json(Path(output.uri, "report.json").read_text())
        assert [one.field for one in reports] == [field.name for field in fields if field.encoding != "log"]
        return {one.field: one for one in reports}

    return run


def only(**known) -> FieldReport:
    """With None for the shares that are not given."""
    shares = ("missing_share", "oov_share", "eval_coverage", "dead_share", "collision_rate")
    return FieldReport(**{**dict.fromkeys(shares), **known})


def test_every_encoding_over_several_files(reported):
    fields = (
        Field(name="user", entity="user", oov_buckets=2),  # 1, 2: out of vocabulary; 3 to 6: tokens
        Field(name="price", entity="item", encoding="log"),  # has no slot
        Field(name="page", entity="context", encoding="hash", buckets=4),
        Field(name="age", entity="user", encoding="buckets", buckets=3),
        Field(name="seen", entity="user", encoding="length", values=5),  # one slot
    )
    train = [
        [[3, 1, 1, 0], [3, 1, 2, 5], [0, 2, 3, 1]],
        [[1, 0, 0, 1], [5, 2, 1, 0]],
    ]
    evaluation = [[[3, 1, 1, 1], [4, 1, 1, 1], [2, 1, 1, 1], [0, 4, 2, 0]]]
    reports = reported(fields, train, evaluation, user=4)
    assert reports["user"] == FieldReport(
        field="user",
        encoding="vocabulary",
        size=4,
        ids=7,
        missing_share=1 / 5,
        oov_share=1 / 4,
        eval_coverage=2 / 3,
        dead_share=2 / 4,  # 4 and 6
        collision_rate=None,
    )
    # Two of four buckets: n = 4 ln 2 = 2.7726 tokens; 1 - 0.75^1.7726 = 0.3995.
    page = reports["page"]
    assert page.collision_rate == pytest.approx(0.3995, abs=1e-4)
    assert page.model_copy(update={"collision_rate": None}) == only(
        field="page", encoding="hash", size=4, ids=5, missing_share=1 / 5
    )
    assert reports["age"] == only(field="age", encoding="buckets", size=3, ids=4, missing_share=1 / 5)
    assert reports["seen"] == only(field="seen", encoding="length", size=5, ids=6, missing_share=2 / 5)


TAGS = Field(name="tags", entity="item", values=3, weights="tag_weights")


def test_padding_is_not_missing(reported):
    """Behind the last value of a multi-valued field; and its weights, in a feature of their own, do not count."""
    train = [[[2, 3, 2], [2, 0, 0], [0, 0, 0], [1, 4, 0]]]
    found = reported((TAGS,), train, [[[2, 1, 0], [3, 3, 3]]], tags=3)["tags"]
    assert (found.missing_share, found.oov_share, found.eval_coverage) == (1 / 4, 1 / 6, 4 / 5)
    assert found.dead_share == 0


def test_a_vocabulary_that_two_fields_share(reported):
    """The owner may come after the field that shares it; its `oov_buckets` are for both."""
    fields = (
        Field(name="liked", entity="user", values=2, vocabulary="video"),
        Field(name="video", entity="item", oov_buckets=2),
        Field(name="tab", entity="context"),
    )
    train = [[[3, 4, 3, 2], [2, 0, 5, 2], [0, 0, 1, 1]]]
    evaluation = [[[3, 1, 2, 2], [0, 0, 7, 2]]]
    reports = reported(fields, train, evaluation, video=5, tab=1)
    assert reports["video"] == only(
        field="video",
        encoding="vocabulary",
        size=5,
        ids=8,
        missing_share=0.0,
        oov_share=1 / 3,
        eval_coverage=1 / 2,
        dead_share=2 / 5,  # 6 and 7; 4 is seen by the other field
    )
    assert reports["liked"] == only(
        field="liked",
        encoding="vocabulary",
        size=5,
        ids=0,
        missing_share=1 / 3,
        oov_share=1 / 3,
        eval_coverage=1 / 2,
    )
    assert (reports["tab"].oov_share, reports["tab"].eval_coverage, reports["tab"].dead_share) == (1 / 3, 1.0, 0.0)


def test_tokens_that_are_carried_on_and_not_seen_again_are_dead(reported):
    found = reported((Field(name="user", entity="user"),), [[[2], [2], [1]]], [[[901]]], user=1000)["user"]
    assert (found.size, found.ids, found.dead_share, found.eval_coverage) == (1000, 1002, 0.999, 1.0)


def test_a_field_whose_values_are_all_missing(reported):
    fields = (
        Field(name="user", entity="user"),
        Field(name="carried_on", entity="user"),
        Field(name="page", entity="context", encoding="hash", buckets=4),
        TAGS,
    )
    nothing = [[[0, 0, 0, 0, 0, 0]] * 2]
    reports = reported(fields, nothing, nothing, user=0, carried_on=3, tags=0)
    assert reports["user"] == only(field="user", encoding="vocabulary", size=0, ids=2, missing_share=1.0)
    assert reports["carried_on"] == only(
        field="carried_on", encoding="vocabulary", size=3, ids=5, missing_share=1.0, dead_share=1.0
    )
    assert reports["page"] == only(field="page", encoding="hash", size=4, ids=5, missing_share=1.0)
    assert reports["tags"] == only(field="tags", encoding="vocabulary", size=0, ids=2, missing_share=1.0)


FIELDS = (Field(name="user", entity="user"), Field(name="page", entity="context", encoding="hash", buckets=4))


def test_no_example_in_the_eval_split(reported):
    reports = reported(FIELDS, [[[2, 1], [1, 1]]], [[]], user=1)
    assert (reports["user"].oov_share, reports["user"].eval_coverage) == (1 / 2, None)


def test_no_example_in_the_train_split(reported):
    reports = reported(FIELDS, [[]], [[[2, 1], [1, 1]]], user=2)
    assert reports["user"] == only(
        field="user", encoding="vocabulary", size=2, ids=4, eval_coverage=1 / 2, dead_share=1.0
    )
    assert reports["page"] == only(field="page", encoding="hash", size=4, ids=5)


def test_no_field_with_a_vocabulary(reported):
    """Then the transform graph has no file of them."""
    (found,) = reported(FIELDS[1:], [[[1]]], [[[1]]]).values()
    assert found.missing_share == 0


def test_an_id_that_the_vocabulary_does_not_have_is_a_mistake_of_ours(reported):
    with pytest.raises(Exception, match="could not be broadcast"):
        reported(FIELDS, [[[4, 1]]], [[[2, 1]]], user=2)
