"""Broken records by the thousand, through every reader: each is accounted for, and none harms its neighbours.

A file mixes records as they should be with mutated ones. What must come of it is known without the readers: the file
split at its line feeds, or the records that were framed. Of these each is an example, a dead letter or dropped; a dead
letter stands at a mutated record and has its bytes; and every other record is the example that it should be.
"""

import csv
import dataclasses
import gzip
import io
import json
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen import batches, report
from components.impression_example_gen.columns import Column
from components.impression_example_gen.log_format import LogFormat
from components.impression_example_gen.readers import ali_ccp, flat, lines, parquet, tfrecord
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.report import SplitReport
from components.impression_example_gen.rows import Rows
from components.tfrecord.frame import frame
from schema.errors import InputError

INT, FLOAT, BYTES = schema_pb2.INT, schema_pb2.FLOAT, schema_pb2.BYTES
MAX_BYTES = 6_000
CITIES = ("Köln", 'say "hi", x', "0", "|", "Aachen")

LABELS = (
    Column("click", INT, required=True, low=0, high=1),
    Column("conversion", INT, required=True, low=0, high=1),
)
IMPRESSION = (
    Column("user", INT, required=True, low=0),
    Column("city", BYTES, tokens=tuple(city.encode() for city in CITIES)),
    *LABELS,
    Column("price", FLOAT, low=-10, high=1000),
    Column("history", INT, multivalued=True, max_values=6),
    Column("tags", BYTES, multivalued=True),
)
EVENT = (Column("impression_id", INT, required=True), Column("time", INT, required=True))
FIELDS = (
    Column("205", INT, required=True),
    Column("206", INT),
    Column("210", INT, True),
    Column("210_weight", FLOAT, True),
)
SKELETON = (*FIELDS, *LABELS)
COMMON = (Column("101", INT), Column("109_14", INT, True), Column("109_14_weight", FLOAT, True))

Row = dict[str, object]


# --- Records as they should be.


def impression(rng: random.Random) -> Row:
    click = rng.random() < 0.5
    return {
        "user": rng.choice([0, 7, 2**63 - 1, rng.randrange(10**6)]),
        "city": rng.choice([None, *CITIES]),
        "click": int(click),
        "conversion": int(click and rng.random() < 0.5),
        "price": rng.choice([None, 0.0, -2.25, rng.randrange(8000) / 8]),
        "history": rng.choice([None, [rng.randrange(-5, 10**9) for _ in range(rng.randint(1, 6))]]),
        "tags": rng.choice([None, ["a"], ["é", "b c", "d"]]),
    }


def event(rng: random.Random) -> Row:
    return {
        "impression_id": rng.randrange(2**40),
        "time": rng.choice([0, -1, 1_600_000_000_000 + rng.randrange(10**9)]),
    }


def as_csv(row: Row) -> bytes:
    text = io.StringIO()
    cells = ["|".join(map(str, v)) if isinstance(v, list) else v for v in row.values()]
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()


def as_json(row: Row) -> bytes:
    return json.dumps(
        {n: v for n, v in row.items() if v is not None or n > "h"}, ensure_ascii=row.get("user", 0) == 7
    ).encode()


def message(row: Row, with_missing: bool = True) -> tf.train.Example:
    example = tf.train.Example()
    for name, value in row.items():
        if value is None and not with_missing:
            continue
        feature = example.features.feature[name]
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            if isinstance(one, str):
                feature.bytes_list.value.append(one.encode())
            elif isinstance(one, float):
                feature.float_list.value.append(one)
            else:
                feature.int64_list.value.append(one)
    return example


def as_example(row: Row) -> bytes:
    return message(row, with_missing=False).SerializeToString()


def features(row: Row, names: tuple[str, ...], rng: random.Random) -> tuple[bytes, int]:
    """A feature list, its fields shuffled, and the number of its features."""
    fields = []
    for name in names:
        ids = row[name] if isinstance(row[name], list) else [] if row[name] is None else [row[name]]
        weights = row.get(f"{name}_weight") or [1.0] * len(ids)
        fields.append([f"{name}\x02{i}\x03{w}" for i, w in zip(ids, weights, strict=True)])
    rng.shuffle(fields)
    parts = [part for field in fields for part in field]
    return "\x01".join(parts).encode(), len(parts)


def weighted(rng: random.Random, name: str) -> Row:
    weights = sorted((rng.randrange(1, 40) / 4 for _ in range(rng.randrange(5))), reverse=True)
    return {name: [rng.randrange(10**6) for _ in weights] or None, f"{name}_weight": weights or None}


def skeleton(rng: random.Random) -> tuple[Row, bytes]:
    row = {"205": rng.randrange(10**9), "206": rng.choice([None, 5]), **weighted(rng, "210")}
    text, number = features(row, ("205", "206", "210"), rng)
    click = rng.randrange(2)
    row |= {"click": click, "conversion": click * rng.randrange(2)}
    start = f"{rng.randrange(10**8)},{click},{row['conversion']},{rng.getrandbits(64):016x},{number},"
    return row, start.encode() + text


def common_features(rng: random.Random) -> tuple[Row, bytes]:
    row = {"101": rng.choice([None, 9]), **weighted(rng, "109_14")}
    text, number = features(row, ("101", "109_14"), rng)
    return row, f"{rng.getrandbits(64):016x},{number},".encode() + text


def of_row(make: Callable[[random.Random], Row], write: Callable[[Row], bytes]):
    def record(rng: random.Random) -> tuple[Row, bytes]:
        row = make(rng)
        return row, write(row)

    return record


# --- Mutations.

PIECES = (
    *(bytes([i]) for i in (0, 1, 2, 3, 9, 10, 11, 13, 27, 28, 32, 127, 128, 255)),
    *(
        b",",
        b'"',
        b'""',
        b'","',
        b"|",
        b"\\",
        b"'",
        b";",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"-",
        b".",
        b"\r\n",
        b"\n\n",
        b"\\u",
    ),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", "²".encode(), "٣".encode(), b"\xe2\x80\xa8"),
    *(b"null", b"NaN", b"true", b"Infinity", b"1e999", b"1e39", b"1.5", b"0x10", b"9" * 25, b"\x01\x01", b"\x02\x03"),
    *(b"[" * 1500, b'{"a":' * 600, b"\\ud800", b'"history": 5, ', b'"user": "x", ', b'"tags": "ab", ', b"/*", b"#"),
)


def mutated(record: bytes, other: bytes, rng: random.Random) -> bytes:
    data = bytearray(record)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        at = rng.randint(0, len(data))
        end = min(len(data), at + rng.choice([1, 1, 2, 5, 20]))
        kind = rng.randrange(11)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at:end]
        elif kind in (3, 4):
            data[at:at] = rng.choice(PIECES)
        elif kind == 5:
            data[at:end] = rng.choice(PIECES)
        elif kind == 6:
            data[at:at] = data[at:end] * rng.choice([1, 2, 10])
        elif kind == 7:
            cut = rng.randint(0, len(other))
            data[at:] = other[cut:]
        elif kind == 8:
            del data[at:]
        elif kind == 9 and rng.random() < 0.2:
            data[at:at] = bytes([rng.choice(b'01a",\r[\\ \x01\xff')]) * rng.choice([50, 500, 5_000, 9_000])
        elif kind == 10:
            data[at:at] = rng.randbytes(rng.choice([1, 3, 8]))
    return bytes(data)


# --- Files, and what must come of them.


@dataclasses.dataclass
class Case:
    """A file.

    Attributes:
        path: Where it is.
        records: Each record as the letter of it would have it; None where the letter has something else.
        expected: The example of each record as it should be, None for the others.
        place: From a position to the number of the record.
    """

    path: str
    records: list[bytes | None]
    expected: list[tf.train.Example | None]
    place: Callable[[str], int]


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is fuzzed.

    Attributes:
        name: Of the kind, and of its file.
        columns: To read.
        record: Makes a row, and what a file has for it.
        header: First line.
    """

    name: str
    columns: tuple[Column, ...]
    record: Callable[[random.Random], tuple[Row, bytes]]
    header: bytes = b""

    @property
    def format(self) -> str:
        return self.name.split(".")[1]


def header(columns: Row) -> bytes:
    return ",".join(columns).encode() + b"\n"


IMPRESSION_HEADER = header(impression(random.Random(0)))
KINDS = {
    kind.name: kind
    for kind in (
        Kind("log.csv", IMPRESSION, of_row(impression, as_csv), IMPRESSION_HEADER),
        Kind("log.csv.gz", IMPRESSION, of_row(impression, as_csv), IMPRESSION_HEADER),
        Kind("log.jsonl", IMPRESSION, of_row(impression, as_json)),
        Kind("log.tfrecord", IMPRESSION, of_row(impression, as_example)),
        Kind("log.parquet", IMPRESSION, of_row(impression, as_json)),
        Kind("skeleton.ali_ccp", SKELETON, skeleton),
        Kind("common.ali_ccp", COMMON, common_features),
        Kind("events.csv", EVENT, of_row(event, as_csv), header(event(random.Random(0)))),
        Kind("events.jsonl", EVENT, of_row(event, as_json)),
        Kind("events.tfrecord.gz", EVENT, of_row(event, as_example)),
    )
}


def pieces(kind: Kind, count: int, rng: random.Random) -> Iterator[tuple[bytes, tf.train.Example | None]]:
    """Records, `count` of them mutated, and the example of the others."""
    pool = [kind.record(rng) for _ in range(60)]
    examples = [message(row) for row, _ in pool]
    mutations = 0
    while mutations < count:
        i = rng.randrange(len(pool))
        if rng.random() < 0.4:
            yield pool[i][1], examples[i]
        else:
            mutations += 1
            yield mutated(pool[i][1], rng.choice(pool)[1], rng), None


def text_case(kind: Kind, count: int, rng: random.Random, directory: Path) -> Case:
    data = bytearray(rng.choice([b"", b"\xef\xbb\xbf"]) + kind.header)
    first = len(data)
    clean: dict[int, tf.train.Example] = {}
    number, open_line = 0, False
    for record, example in pieces(kind, count, rng):
        if example is not None and not open_line:
            clean[number] = example
        data += record
        number += record.count(b"\n")
        open_line = example is None and rng.random() < 0.03
        if not open_line:
            data += rng.choice([b"\n", b"\n", b"\r\n"])
            number += 1
    if rng.random() < 0.5:
        del data[-1:]
    found = io.BytesIO(bytes(data[first:])).readlines()
    begins = {first: 0}
    for i, line in enumerate(found):
        begins[first + len(line)] = i + 1
        first += len(line)
    path = directory / kind.name
    path.write_bytes(gzip.compress(data, 1) if kind.name.endswith(".gz") else data)

    def place(position: str) -> int:
        unit, at = position.split()
        return int(at) - 1 - bool(kind.header) if unit == "line" else begins[int(at)]

    records = [
        line[:MAX_BYTES] if len(line) > MAX_BYTES else line.removesuffix(b"\n").removesuffix(b"\r") for line in found
    ]
    return Case(str(path), records, [clean.get(i) for i in range(len(found))], place)


def record_number(position: str) -> int:
    unit, at = position.split()
    assert unit in ("record", "row")
    return int(at)


def tfrecord_case(kind: Kind, count: int, rng: random.Random, directory: Path) -> Case:
    data, records, expected = bytearray(), [], []
    for record, example in pieces(kind, count, rng):
        framed = bytearray(frame(record))
        if example is None and rng.random() < 0.2:  # damaged behind the length's checksum
            framed[rng.randrange(12, len(framed))] ^= 1 << rng.randrange(8)
        data += framed
        records.append(bytes(framed[12:-4])[:MAX_BYTES])
        expected.append(example)
    path = directory / kind.name
    path.write_bytes(gzip.compress(data, 1) if kind.name.endswith(".gz") else data)
    return Case(str(path), records, expected, record_number)


def not_utf8(texts: list[bytes | None]) -> pa.Array:
    """Strings as writers leave them that don't check."""
    return pa.Array.from_buffers(pa.string(), len(texts), pa.array(texts, pa.binary()).buffers())


def parquet_case(kind: Kind, count: int, rng: random.Random, directory: Path) -> Case:
    """Values of the columns' Arrow types that no rule allows, and some that one does."""
    rows, expected, mutations = [], [], 0
    texts = [None, b"", b"\xff", b"x\xe9", "²".encode(), b"a|b", b"9" * 200, *(city.encode() for city in CITIES)]
    listed = [None, [], [None], [1] * 7, [0, None], [2**62], [-1] * 40]
    joined = [None, b"", b"1|2", b"1||2", b"x", b"\xff|1", b"1|2|3|4|5|6|7", b"9" * 25]
    as_text = rng.random() < 0.5
    choices = {
        "user": [None, 0, 2**63 - 1, 2**63, 2**64 - 1],
        "city": texts,
        "click": [None, 0, 1, 2, -1, 127],
        "conversion": [None, 0, 1, 2, -128],
        "price": [None, float("nan"), float("inf"), -11.0, 1e39, -1e308, 5e-324, 1000.0],
        "history": joined if as_text else listed,
        "tags": [None, [], [None], [b"\xff"], [b"a", None], [b"x" * 300], [b"|"]],
    }
    while mutations < count:
        row = impression(rng)
        expected.append(message(row))
        row["city"] = row["city"] and row["city"].encode()
        row["tags"] = row["tags"] and [tag.encode() for tag in row["tags"]]
        if as_text:
            row["history"] = row["history"] and "|".join(map(str, row["history"])).encode()
        if rng.random() < 0.6:
            mutations += 1
            expected[-1] = None
            for name in rng.sample(list(row), rng.randint(1, 3)):
                row[name] = rng.choice(choices[name])
        rows.append(row)
    column = {name: [row[name] for row in rows] for name in rows[0]}
    city = not_utf8(column["city"])
    table = {
        "user": pa.array(column["user"], pa.uint64()),
        "city": rng.choice([city, city.dictionary_encode(), pa.array(column["city"], pa.large_binary())]),
        "click": pa.array(column["click"], rng.choice([pa.int8(), pa.int64()])),
        "conversion": pa.array(column["conversion"], pa.int16()),
        "price": pa.array(column["price"], pa.float64()),
        "history": not_utf8(column["history"]) if as_text else pa.array(column["history"], pa.list_(pa.int64())),
        "tags": pa.array(column["tags"], rng.choice([pa.list_(pa.binary()), pa.large_list(pa.binary())])),
    }
    path = directory / kind.name
    pq.write_table(pa.table(table), path, row_group_size=rng.choice([50, 10_000]))
    return Case(str(path), [None] * len(rows), expected, record_number)


def make(kind: Kind, count: int, rng: random.Random, directory: Path) -> Case:
    cases = {"tfrecord": tfrecord_case, "parquet": parquet_case}
    return cases.get(kind.format, text_case)(kind, count, rng, directory)


# --- Reading them.


def ranges(kind: Kind, path: str, rng: random.Random) -> list[FileRange]:
    if kind.format not in (*flat.TEXT, "ali_ccp") or path.endswith(".gz") or rng.random() < 0.5:
        return [FileRange(path)]
    size = Path(path).stat().st_size
    cuts = sorted({rng.randint(4, size) for _ in range(rng.randint(1, 3))}) if size > 4 else []
    return [FileRange(path, start, end) for start, end in zip([0, *cuts], [*cuts, -1], strict=True)]


def read_ali_ccp(kind: Kind, where: FileRange) -> Iterator[Rows]:
    """As the source does, without the join."""
    labels = [column.name for column in kind.columns if column in LABELS]
    fields = [column for column in kind.columns if column not in LABELS]
    names = ali_ccp.skeleton_names(*labels) if labels else ali_ccp.COMMON_NAMES
    for rows in ali_ccp.read_cells(where, names, MAX_BYTES):
        if not rows.batch.num_rows:
            yield rows
            continue
        made, broken = ali_ccp.take_features_apart(rows.batch, fields, 4)
        made |= {label: rows.batch[label] for label in labels}
        raw = ali_ccp.raw_lines(rows.batch, names)
        batch = pa.RecordBatch.from_pydict(made)
        yield Rows(batch, rows.file, rows.unit, rows.positions, raw, rows.dead, broken=broken)


def read(kind: Kind, log: LogFormat, where: FileRange) -> Iterator[Rows]:
    if kind.format == "ali_ccp":
        return read_ali_ccp(kind, where)
    flat.check_flat(where.path, kind.format, log, kind.columns)
    return flat.read_flat(where, kind.format, log, kind.columns)


def check(kind: Kind, case: Case, rng: random.Random) -> Counter[str]:
    """Reads a file and compares everything that is known of it; says what became of the mutated records."""
    policy = rng.choice(["drop", "as_no_conversion", "error"])
    log = LogFormat(format=kind.format, conversion_without_click=policy, max_record_bytes=MAX_BYTES)
    labelled = LABELS[0] in kind.columns
    seen = [""] * len(case.records)

    def account(position: str, became: str) -> int:
        number = case.place(position)
        assert seen[number] == "", f"{position} twice: {seen[number]}, {became}"
        seen[number] = became
        return number

    reports = []
    for where in ranges(kind, case.path, rng):
        for rows in read(kind, log, where):
            checked = batches.check_rows(rows, kind.columns, log, labelled)
            for letter in checked.dead:
                number = account(letter.position, "dead letter")
                assert case.expected[number] is None, f"a good record is a dead letter: {letter}"
                assert letter.file == case.path
                assert "\n" not in letter.reason
                json.loads(letter.to_json())
                if case.records[number] is None:
                    assert set(json.loads(letter.raw)) == {column.name for column in kind.columns}
                else:
                    assert letter.raw == case.records[number], letter.position
            dead = {letter.position for letter in checked.dead}
            examples = iter(batches.to_examples(rows, checked))
            for at, kept in zip(rows.positions.tolist(), checked.keep.tolist(), strict=True):
                position = f"{rows.unit} {at}"
                if kept:
                    number = account(position, "example")
                    example = next(examples)
                    if (should := case.expected[number]) is not None:
                        assert tf.train.Example.FromString(example) == should, position
                elif position not in dead:
                    number = account(position, "dropped")
                    assert case.expected[number] is None, f"a good record is dropped: {position}"
            assert next(examples, None) is None
            reports.append(batches.report_of(checked))
    assert "" not in seen, f"record {seen.index('')} of {len(seen)} came to nothing"
    whole = report.merge(SplitReport.from_json(one.to_json()) for one in reports)
    assert {name: whole.counts[name] for name in ("rows_in", "examples", "dead_letters", "dropped")} == {
        "rows_in": len(seen),
        "examples": seen.count("example"),
        "dead_letters": seen.count("dead letter"),
        "dropped": seen.count("dropped"),
    }
    return Counter(became for became, should in zip(seen, case.expected, strict=True) if should is None)


def fuzz(
    kind: Kind, mutations: int, seed: int, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, Counter[str]]:
    """Checks files with so many mutated records in all; gives their number, and what became of them.

    A mutated record may come to several lines, or to none.
    """
    done, became = 0, Counter()
    for number in range(mutations):
        if done == mutations:
            break
        rng = random.Random(f"{kind.name} {seed} {number}")
        count = min(rng.choice([1, 10, 50, 500]), mutations - done)
        monkeypatch.setattr(lines, "_BLOCK_BYTES", rng.choice([1_000, 20_000, 4 << 20]))
        monkeypatch.setattr(tfrecord, "_BATCH_RECORDS", rng.choice([7, 200, 4096]))
        monkeypatch.setattr(parquet, "_BATCH_ROWS", rng.choice([7, 200, 8192]))
        case = make(kind, count, rng, directory)
        try:
            became += check(kind, case, rng)
        except Exception as error:
            error.add_note(f"{kind.name}, seed {seed}, file {number}")
            raise
        done += count
    return done, became


@pytest.mark.parametrize("name", KINDS)
def test_200_mutated_records(name, tmp_path, monkeypatch):
    done, became = fuzz(KINDS[name], 200, 1, tmp_path, monkeypatch)
    assert done == 200
    assert became["dead letter"] > 50, became
    assert became["example"] > 5, became


@pytest.mark.slow
def test_100_000_mutated_records(tmp_path, monkeypatch):
    found = {name: fuzz(kind, 100_000 // len(KINDS), 2, tmp_path, monkeypatch) for name, kind in KINDS.items()}
    assert sum(done for done, _ in found.values()) == 100_000, found
    assert sum(became["dead letter"] for _, became in found.values()) > 30_000, found


# --- Damaged containers.


def outcome(kind: Kind, path: Path) -> tuple[list[str], list[tf.train.Example]] | None:
    """Dead letters' positions and the examples; None where the file can't be read to its end."""
    log = LogFormat(format=kind.format, max_record_bytes=MAX_BYTES)
    dead, examples = [], []
    try:
        for rows in read(kind, log, FileRange(str(path))):
            checked = batches.check_rows(rows, kind.columns, log, LABELS[0] in kind.columns)
            dead += [letter.position for letter in checked.dead]
            examples += [tf.train.Example.FromString(one) for one in batches.to_examples(rows, checked)]
    except InputError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        return None
    return dead, examples


def good_file(kind: Kind, rng: random.Random, directory: Path) -> tuple[Path, bytes, list[bytes]]:
    """A file of good records, its bytes, and the records."""
    records = [kind.record(rng)[1] for _ in range(20)]
    path = directory / kind.name
    if kind.format == "tfrecord":
        data = b"".join(frame(record) for record in records)
    elif kind.format == "parquet":
        table = pa.Table.from_pylist([json.loads(record) for record in records])
        pq.write_table(table, path, write_page_checksum=True, compression=rng.choice(["none", "snappy"]))
        return path, path.read_bytes(), records
    else:
        data = kind.header + b"".join(record + b"\n" for record in records)
    return path, gzip.compress(data, 1) if kind.name.endswith(".gz") else data, records


def test_any_damaged_byte_of_a_tfrecord_file(tmp_path):
    """In a length or its checksum it ends the reading; elsewhere it costs its record alone."""
    kind = KINDS["log.tfrecord"]
    path, data, records = good_file(kind, random.Random(3), tmp_path)
    path.write_bytes(data)
    whole = outcome(kind, path)
    assert whole is not None
    assert len(whole[1]) == len(records)
    begin = 0
    for number, record in enumerate(records):
        for at in range(0, len(record) + 16, 5):
            broken = bytearray(data)
            broken[begin + at] ^= 1 << at % 8
            path.write_bytes(broken)
            examples = [example for i, example in enumerate(whole[1]) if i != number]
            assert outcome(kind, path) == (None if at < 12 else ([f"record {number}"], examples))
        begin += len(record) + 16


@pytest.mark.parametrize("name", ["log.csv.gz", "events.tfrecord.gz"])
def test_any_cut_and_any_damaged_byte_of_a_gzip_file(name, tmp_path):
    """Damage is told, or it means nothing, as in the time that such a file has."""
    kind = KINDS[name]
    path, data, _ = good_file(kind, random.Random(4), tmp_path)
    path.write_bytes(data)
    whole = outcome(kind, path)
    assert whole is not None
    damaged = 0
    for at in range(1, len(data)):
        path.write_bytes(data[:at])
        assert outcome(kind, path) is None, f"cut at {at}"
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        path.write_bytes(broken)
        assert outcome(kind, path) in (None, whole), f"damage at {at}"
        damaged += outcome(kind, path) is None
    assert damaged > 0.9 * len(data)


def test_a_damaged_parquet_file_is_refused_or_has_all_its_rows(tmp_path):
    """Pages have checksums, their headers have none: damage there can hide a page. The footer may say anything."""
    kind = KINDS["log.parquet"]
    path, data, records = good_file(kind, random.Random(5), tmp_path)
    path.write_bytes(data)
    whole = outcome(kind, path)
    assert whole is not None
    assert len(whole[1]) == len(records)
    footer = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    lost = []
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        path.write_bytes(broken)
        found = outcome(kind, path)
        if found is not None and at < footer and len(found[0]) + len(found[1]) != len(records):
            lost.append(at)
        path.write_bytes(data[:at])
        assert outcome(kind, path) is None
    assert lost == []
