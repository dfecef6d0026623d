"""The real preprocessing_fn over rows written by hand."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions

from models import preprocessing


@pytest.fixture(scope="session")
def run_preprocessing() -> Callable[..., None]:
    """Leaves the pickled transformed rows in `directory/rows` and the graph in `directory/graph`.

    The feature `row` of the rows, a number, goes through untouched, since Beam keeps no order.
    """

    def run(
        rows: Sequence[dict], spec: Mapping[str, Any], config: dict[str, str], directory: Path, batch_size: int
    ) -> None:
        def with_row_number(inputs):
            return {**preprocessing.preprocessing_fn(inputs, config), "row": inputs["row"]}

        metadata = tft.DatasetMetadata.from_feature_spec(spec)
        options = PipelineOptions(["--runner=FnApiRunner"])
        with (
            tft_beam.Context(temp_dir=str(directory / "temp"), desired_batch_size=batch_size),
            beam.Pipeline(options=options) as pipeline,
        ):
            raw = pipeline | beam.Create(rows, reshuffle=False)
            (transformed, _), graph = (raw, metadata) | tft_beam.AnalyzeAndTransformDataset(with_row_number)
            to_file = beam.io.WriteToTFRecord(str(directory / "rows"), shard_name_template="")
            _ = transformed | beam.Map(pickle.dumps) | to_file
            _ = graph | tft_beam.WriteTransformFn(str(directory / "graph"))
            _ = metadata | tft_beam.WriteMetadata(str(directory / "graph" / "metadata"), pipeline)

    return run
