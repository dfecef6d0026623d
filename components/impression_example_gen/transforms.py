"""The Beam steps from file paths to serialized tf.Examples."""

from collections.abc import Iterator, Mapping

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from components.impression_example_gen import encode, funnel, readers
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import SplitReport, merge
from schema import contract
from schema.errors import InputError

EXAMPLES = "examples"
REPORTS = "reports"


class FileToExamples(beam.DoFn):
    """Reads a file, up to its first bad batch, and gives its examples, and a report for each batch of rows.

    What is wrong with the data is reported, not raised: an error raised here would reach the executor only as text.

    Input: path of a file.
    Outputs: `examples`, serialized tf.Examples; `reports`, `SplitReport`s.
    """

    def __init__(self, log: LogFormat, columns: Mapping[str, readers.Column]):
        self._log = log
        self._columns = dict(columns)

    def process(self, path: str) -> Iterator[beam.pvalue.TaggedOutput]:
        row = 0
        try:
            for batch in readers.read_batches(path, self._log, self._columns):
                examples, report = to_examples(batch, self._log, path, row)
                row += batch.num_rows
                yield beam.pvalue.TaggedOutput(REPORTS, report)
                if report.problems:
                    return
                for example in examples:
                    yield beam.pvalue.TaggedOutput(EXAMPLES, example)
        except InputError as error:
            yield beam.pvalue.TaggedOutput(REPORTS, SplitReport(problems=(str(error),)))


def to_examples(batch: pa.RecordBatch, log: LogFormat, path: str, first_row: int) -> tuple[list[bytes], SplitReport]:
    """Applies the funnel rule to a batch and encodes it.

    Args:
        batch: Rows with the log's label columns, int64, and features.
        log: Format of the log.
        path: The file, to say where a problem is.
        first_row: Number of the batch's first row in its file, from 0.

    Returns:
        Serialized tf.Examples with `click` and `conversion`, and the counts. No examples if a row is bad.
    """
    labels = {contract.CLICK: log.labels.click, contract.CONVERSION: log.labels.conversion}
    for column in labels.values():
        bad = funnel.first_invalid_label(batch[column])
        if bad >= 0:
            problem = (
                f"{path}, row {first_row + bad}, column `{column}` should be 0 or 1. Received: {batch[column][bad]}"
            )
            return [], SplitReport(rows_in=batch.num_rows, bad_rows=batch.num_rows, problems=(problem,))
    result = funnel.apply_funnel(
        batch[labels[contract.CLICK]], batch[labels[contract.CONVERSION]], log.conversion_without_click
    )
    if result.without_click and log.conversion_without_click == "error":
        problem = (
            f"{path}, row {first_row + result.first_without_click} should not have a conversion "
            f"(`{log.labels.conversion}`) without a click (`{log.labels.click}`) "
            f"under `data.log.conversion_without_click: error`"
        )
        return [], SplitReport(
            rows_in=batch.num_rows,
            bad_rows=batch.num_rows,
            conversions_without_click=result.without_click,
            problems=(problem,),
        )
    columns = {name: batch[name] for name in batch.schema.names if name not in labels.values()}
    columns |= {contract.CLICK: result.click, contract.CONVERSION: result.conversion}
    kept = pa.RecordBatch.from_pydict(columns).filter(result.keep)
    return encode.encode_examples(kept), SplitReport(
        rows_in=batch.num_rows,
        examples=kept.num_rows,
        dropped=batch.num_rows - kept.num_rows,
        conversions_without_click=result.without_click,
        clicks=pc.sum(kept[contract.CLICK]).as_py() or 0,
        conversions=pc.sum(kept[contract.CONVERSION]).as_py() or 0,
    )


class IngestSplit(beam.PTransform):
    """Reads the files of one split and writes its examples and its report.

    Input: a pipeline. Writes gzipped TFRecords under `examples_prefix` and one JSON `SplitReport` at `report_path`.
    """

    def __init__(
        self,
        paths: list[str],
        log: LogFormat,
        columns: Mapping[str, readers.Column],
        examples_prefix: str,
        report_path: str,
    ):
        super().__init__()
        self._paths = paths
        self._log = log
        self._columns = columns
        self._examples_prefix = examples_prefix
        self._report_path = report_path

    def expand(self, pipeline):
        outputs = (
            pipeline
            | "Files" >> beam.Create(self._paths, reshuffle=True)
            | "ToExamples" >> beam.ParDo(FileToExamples(self._log, self._columns)).with_outputs(EXAMPLES, REPORTS)
        )
        _ = outputs[EXAMPLES] | "WriteExamples" >> beam.io.WriteToTFRecord(
            self._examples_prefix, file_name_suffix=".gz"
        )
        _ = (
            outputs[REPORTS]
            | "MergeReports" >> beam.CombineGlobally(merge)
            | "ReportToJson" >> beam.Map(SplitReport.to_json)
            | "WriteReport" >> beam.io.WriteToText(self._report_path, num_shards=1, shard_name_template="")
        )
