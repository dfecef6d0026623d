"""The Beam steps from the files of a split to its examples, its dead letters and its report."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from components.impression_example_gen import batches, duplicates, report
from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.report import SplitReport, merge
from components.impression_example_gen.sources.source import Source, SplitFiles
from components.tfrecord.sink import WriteExamples
from schema.errors import InputError

EXAMPLES = "examples"
LETTERS = "letters"
REPORTS = "reports"
KEYS = "keys"


@dataclasses.dataclass(frozen=True)
class Split:
    """What is asked of a split.

    Attributes:
        source: What reads its files.
        columns: Of the rows that the source gives.
        log: Labels and policies.
        labelled: Whether its rows have labels.
        key: Columns that two rows of one impression agree in; empty where nobody asks, or where the source tells.
    """

    source: Source
    columns: Sequence[Column]
    log: LogFormat
    labelled: bool = True
    key: Sequence[Column] = ()


class ReadTask(beam.DoFn):
    """Reads the rows of a task and gives what became of them.

    What is wrong with the data is reported, not raised: an error raised here would reach the executor only as text.

    Input: (number of the task, task), and what `duplicates.FindRepeated` found, or None.
    Outputs: `examples`, lists of serialized tf.Examples; `letters`, dead letters in JSON; `reports`, `SplitReport`s;
        `keys`, hashes of the rows that become examples, as `duplicates.FindRepeated` takes them. Only the asked ones.
    """

    def __init__(self, split: Split, outputs: Sequence[str]):
        self._split = split
        self._outputs = frozenset(outputs)

    def process(self, numbered: tuple[int, Any], repeated: duplicates.Repeated | None = None) -> Iterator[Any]:
        number, task = numbered
        split = self._split
        end = 0
        try:
            for rows in split.source.read(task):
                ordinals = np.arange(end, end + len(rows.positions))  # in the task, that may read several files
                end += len(ordinals)
                if repeated is not None:
                    again = np.isin(ordinals, repeated.get(number, []))
                    rows = dataclasses.replace(rows, repeated=again)
                checked = batches.check_rows(rows, split.columns, split.log, split.labelled)
                if REPORTS in self._outputs:
                    yield beam.pvalue.TaggedOutput(REPORTS, batches.report_of(checked))
                    for letter in checked.dead:
                        yield beam.pvalue.TaggedOutput(LETTERS, letter.to_json())
                    if examples := batches.to_examples(rows, checked):
                        yield beam.pvalue.TaggedOutput(EXAMPLES, examples)
                if KEYS in self._outputs and checked.keep.any():
                    hashes, readable = duplicates.row_hashes(rows, split.key, split.log.list_separator)
                    kept = checked.keep & readable
                    for shared_out in duplicates.by_group(number, hashes[kept], ordinals[kept]):
                        yield beam.pvalue.TaggedOutput(KEYS, shared_out)
            problems: tuple[str, ...] = ()
        except InputError as error:
            problems = (str(error),)
        if REPORTS in self._outputs:
            yield beam.pvalue.TaggedOutput(REPORTS, SplitReport(problems=problems))  # one at least, for every task


class IngestSplit(beam.PTransform):
    """Reads the files of one split and writes its examples, its dead letters and its report.

    Input: a pipeline. Writes gzipped TFRecords under `examples_prefix`; dead letters, if there are any, as JSON Lines
    under `letters_prefix`; and one JSON `SplitReport` at `report_path`.
    """

    def __init__(
        self,
        split: Split,
        files: SplitFiles,
        working_directory: str,
        examples_prefix: str,
        letters_prefix: str,
        report_path: str,
    ):
        super().__init__()
        self._split = split
        self._files = files
        self._working_directory = working_directory
        self._examples_prefix = examples_prefix
        self._letters_prefix = letters_prefix
        self._report_path = report_path

    def expand(self, pipeline):
        split = self._split
        tasks = split.source.tasks(pipeline, self._files, self._working_directory)
        remove = bool(split.key) and split.log.removes_duplicates
        asked = [EXAMPLES, LETTERS, REPORTS]
        if remove:
            # Looked for in a pass of its own: which row is the first to be kept is known when all have been read.
            keys = tasks.tasks | "ReadKeys" >> beam.ParDo(ReadTask(split, [KEYS])).with_outputs(KEYS)
            repeated = keys[KEYS] | "FindRepeated" >> duplicates.FindRepeated()
            outputs = tasks.tasks | "Read" >> beam.ParDo(
                ReadTask(split, asked), beam.pvalue.AsSingleton(repeated)
            ).with_outputs(*asked)
        else:
            asked += [KEYS] if split.key else []
            outputs = tasks.tasks | "Read" >> beam.ParDo(ReadTask(split, asked)).with_outputs(*asked)
        reports = [outputs[REPORTS], *tasks.reports]
        if split.key and not remove:
            repeated = outputs[KEYS] | "FindRepeated" >> duplicates.FindRepeated()
            reports.append(repeated | "CountRepeated" >> beam.Map(_count))
        _ = outputs[EXAMPLES] | "WriteExamples" >> WriteExamples(self._examples_prefix)
        _ = (
            [outputs[LETTERS], *tasks.letters]
            | "AllLetters" >> beam.Flatten()
            | "WriteLetters" >> beam.io.WriteToText(self._letters_prefix, file_name_suffix=".jsonl", skip_if_empty=True)
        )
        _ = (
            reports
            | "AllReports" >> beam.Flatten()
            | "MergeReports" >> beam.CombineGlobally(merge).without_defaults()
            | "WriteReport" >> beam.Map(_write_report, self._report_path)
        )


def _write_report(found: SplitReport, path: str) -> None:
    # Not WriteToText: it sets up many steps for the one line.
    with FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.write(found.to_json().encode())


def _count(repeated: duplicates.Repeated) -> SplitReport:
    return SplitReport({report.DUPLICATES: sum(len(positions) for positions in repeated.values())})
