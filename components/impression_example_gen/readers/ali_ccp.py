"""The raw Ali-CCP release: impressions in a skeleton file, and what many of them share in a file of common features.

A feature list joins features with \\x01; a feature is `field_id \\x02 feature_id \\x03 value`. The value is the weight
of one of a field's feature ids; columns named `<field_id>_weight` take it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import SAMPLE_ID
from components.impression_example_gen.readers.divide import divide
from components.impression_example_gen.readers.lines import FileRange, Lines
from components.impression_example_gen.readers.text import check_line_ends, read_text
from components.impression_example_gen.rows import Rows, shown

INDEX = "common_feature_index"
_NUM = "feature_num"
_LIST = "feature_list"
# A FLOAT feature `x_weight` holds the weights of the values of `x`.
WEIGHT_SUFFIX = "_weight"

# Fields of the common features: the user's.
_COMMON_FIELDS = ("101", "109_14", "110_14", "127_14", "150_14", "121", "122", "124", "125", "126", "127", "128", "129")

_PARSE = pyarrow.csv.ParseOptions(quote_char=False, newlines_in_values=False, ignore_empty_lines=False)
_INDEX_FORM = "^[0-9a-fA-F]{16}$"
_FEATURE = r"[0-9_]+\x02[0-9]+\x03-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
_LIST_FORM = f"^(?:{_FEATURE}(?:\\x01{_FEATURE})*)?$"
_FEATURES_AS_CSV = bytes.maketrans(b"\x01\x02\x03", b"\n,,")


def is_common(column: Column) -> bool:
    """Whether a column is made of common features."""
    return column.name.removesuffix(WEIGHT_SUFFIX) in _COMMON_FIELDS


def skeleton_names(click: str, conversion: str) -> list[str]:
    """Columns of a line of the skeleton."""
    return [SAMPLE_ID, click, conversion, INDEX, _NUM, _LIST]


COMMON_NAMES = [INDEX, _NUM, _LIST]


def read_cells(where: FileRange, names: Sequence[str], max_bytes: int) -> Iterator[Rows]:
    """Yields the lines of a file as columns of binary; lines whose index is not 16 hex characters are dead letters.

    Args:
        where: The file, or a part of it.
        names: The columns.
        max_bytes: Longer lines are dead letters.

    Raises:
        InputError: The file can't be read to its end.
    """
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False)
    # Before the first line, of which Arrow would take a byte order mark away.
    sentinel = b",".join(b"0" for _ in names) + b"\n"

    def parse(lines: Lines, start: int, end: int) -> pa.RecordBatch:
        text = bytes(lines.slice(start, end))
        check_line_ends(text)
        data = sentinel + text
        read = pyarrow.csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(data) + 1)
        try:
            table = pyarrow.csv.read_csv(pa.BufferReader(data), read, _PARSE, convert)
        except pa.ArrowInvalid:
            found = lines.line(start).count(b",") + 1
            raise ValueError(f"a line should have {len(names)} columns. Received: {found}") from None
        table = table.slice(1)
        if not pc.all(pc.match_substring_regex(table[INDEX], _INDEX_FORM)).as_py():
            received = shown(table[INDEX][0].as_py())
            raise ValueError(f"column `{INDEX}` should be 16 hexadecimal characters. Received: {received}")
        return table.combine_chunks().to_batches()[0]

    return read_text(where, max_bytes, 0, parse)


def take_features_apart(
    cells: pa.RecordBatch, columns: Sequence[Column], max_values: int
) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """Makes columns of the feature lists.

    Args:
        cells: Rows with `feature_num` and `feature_list`, binary [B].
        columns: Fields, and weights of fields, to give.
        max_values: Values kept of a field with several, those with the largest weights, largest first.

    Returns:
        A list for each row and column, null where the row has no such field; and reasons why a row can't be taken
        apart, by index. Such rows have nulls.
    """
    lists = cells[_LIST]
    found = np.asarray(pc.count_substring(lists, "\x01")) + np.asarray(pc.greater(pc.binary_length(lists), 0))
    of_form = np.asarray(pc.match_substring_regex(lists, _LIST_FORM))
    told = _told_counts(cells[_NUM])
    broken = {
        int(i): f"column `{_LIST}` should be features as field\\x02id\\x03value, joined by \\x01. "
        f"Received: {shown(lists[i].as_py())}"
        for i in np.flatnonzero(~of_form)
    }
    for i in np.flatnonzero(of_form & (told != found)):
        broken[int(i)] = (
            f"column `{_NUM}` should be the number of features, {found[i]}. Received: {shown(cells[_NUM][i].as_py())}"
        )
    good = np.flatnonzero(of_form & (told == found))
    features, kept, reasons = divide(len(good), lambda start, end: _features(lists.take(pa.array(good[start:end]))))
    broken |= {int(good[i]): reason for i, reason in reasons.items()}
    good = good[kept]
    row_of_feature = np.repeat(good, found[good])
    return _columns(features, row_of_feature, len(lists), columns, max_values), broken


def _told_counts(numbers: pa.Array) -> np.ndarray:
    """int64 [B], -1 where there is no number."""
    valid = pc.match_substring_regex(numbers, "^[0-9]{1,9}$")
    return np.asarray(pc.if_else(valid, numbers, pa.scalar(b"-1", pa.binary())).cast(pa.string()).cast(pa.int64()))


def _features(lists: pa.Array) -> pa.RecordBatch:
    """All features of some lists, one after the other: `field`, `id` int64, `weight` float32."""
    text = b"\n".join(filter(None, lists.to_pylist())).translate(_FEATURES_AS_CSV)
    types = {"field": pa.dictionary(pa.int32(), pa.string()), "id": pa.int64(), "weight": pa.float32()}
    if not text:
        return pa.RecordBatch.from_pydict({name: pa.array([], kind) for name, kind in types.items()})
    read = pyarrow.csv.ReadOptions(column_names=list(types), use_threads=False, block_size=len(text) + 1)
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(text), read, _PARSE, pyarrow.csv.ConvertOptions(column_types=types)
        )
    except pa.ArrowInvalid as error:  # an id or a weight beyond its type
        received = shown(str(error).partition("invalid value ")[2])
        raise ValueError(f"column `{_LIST}` should have ids of 64 bits. Received: {received}") from None
    features = table.combine_chunks().to_batches()[0]
    if not np.isfinite(np.asarray(features["weight"])).all():
        raise ValueError(f"column `{_LIST}` should have finite values. Received: one beyond float32")
    return features


def _columns(
    features: pa.RecordBatch, row: np.ndarray, rows: int, columns: Sequence[Column], max_values: int
) -> dict[str, pa.Array]:
    if not features.num_rows:
        return {column.name: pa.nulls(rows, pa.list_(column.value_type)) for column in columns}
    fields = features["field"]
    code = np.asarray(fields.indices).astype(np.int64)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(fields.dictionary)))
    ids = np.asarray(features["id"])
    weights = np.asarray(features["weight"])
    of_field = {
        field: order[end - count : end]
        for field, end, count in zip(fields.dictionary.to_pylist(), ends, np.diff(ends, prepend=0), strict=True)
    }
    made: dict[str, pa.Array] = {}
    heaviest: dict[str, np.ndarray] = {}
    for column in columns:
        field = column.name.removesuffix(WEIGHT_SUFFIX)
        if field not in heaviest:
            heaviest[field] = _heaviest(of_field.get(field, order[:0]), row, weights, max_values)
        where = heaviest[field]
        counts = np.bincount(row[where], minlength=rows)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        values = pa.array((ids if column.name == field else weights)[where])
        made[column.name] = pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))
    return made


def _heaviest(where: np.ndarray, row: np.ndarray, weights: np.ndarray, max_values: int) -> np.ndarray:
    """Of a field's features, at most that many of each row, largest weight first; equal ones stay in order."""
    rows = row[where]
    if (rows[1:] != rows[:-1]).all():
        return where  # one value in each row
    where = where[np.lexsort((-weights[where], rows))]
    begins = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    rank = np.arange(len(rows)) - np.repeat(begins, np.diff(np.append(begins, len(rows))))
    return where[rank < max_values]


def raw_lines(cells: pa.RecordBatch, names: Sequence[str]) -> pa.Array:
    """The lines as they stood in the file, without their line breaks."""
    return pc.binary_join_element_wise(*(cells[name] for name in names), pa.scalar(b",", pa.binary()))
