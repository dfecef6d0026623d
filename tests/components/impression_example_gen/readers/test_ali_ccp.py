"""Lines of the raw Ali-CCP release, by hand."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.impression_example_gen.columns import Column
from components.impression_example_gen.readers import ali_ccp
from components.impression_example_gen.readers.lines import FileRange
from components.impression_example_gen.rows import DeadLetter

SKELETON = ali_ccp.skeleton_names("click", "conversion")
INDEX = b"00a1b2c3d4e5f6AF"


def feature(field: str, number: int | str, weight: str = "1.0") -> bytes:
    return f"{field}\x02{number}\x03{weight}".encode()


def features(*parts: bytes) -> bytes:
    return b"\x01".join(parts)


def ids(name: str) -> Column:
    return Column(name, schema_pb2.INT)


def weights(name: str) -> Column:
    return Column(f"{name}_weight", schema_pb2.FLOAT)


def take_apart(*rows: bytes | tuple[bytes, bytes], names: tuple[str, ...] = ("205",), most: int = 50):
    """Values by column, and the reasons; `feature_num` is right where a row doesn't give it first."""
    told = [row if isinstance(row, tuple) else (b"%d" % (row.count(b"\x01") + bool(row)), row) for row in rows]
    cells = pa.RecordBatch.from_pydict(
        {
            "feature_num": pa.array([num for num, _ in told], pa.binary()),
            "feature_list": pa.array([text for _, text in told], pa.binary()),
        }
    )
    columns = [weights(n.removesuffix("_weight")) if n.endswith("_weight") else ids(n) for n in names]
    made, reasons = ali_ccp.take_features_apart(cells, columns, most)
    assert list(made) == list(names)
    assert {len(array) for array in made.values()} <= {len(rows)}
    return {name: array.to_pylist() for name, array in made.items()}, reasons


# --- Fields to columns.


def test_an_impression_by_hand():
    item = features(
        feature("205", 8390133, "1.0"),
        feature("206", 6),
        feature("207", 41),
        feature("210", 5),
        feature("210", 7, "2"),
        feature("216", 9),
        feature("508", 12, "2.56495"),
        feature("301", 1),
    )
    made, reasons = take_apart(
        item, names=("205", "206", "207", "210", "210_weight", "216", "508", "508_weight", "301")
    )
    assert reasons == {}
    assert made == {
        "205": [[8390133]],
        "206": [[6]],
        "207": [[41]],
        "210": [[7, 5]],
        "210_weight": [[2.0, 1.0]],
        "216": [[9]],
        "508": [[12]],
        "508_weight": [[pytest.approx(2.56495, rel=1e-7)]],
        "301": [[1]],
    }


def test_fields_in_any_order_give_the_same_columns():
    parts = [feature("205", 1), feature("109_14", 2, "0.5"), feature("206", 3), feature("109_14", 4, "0.7")]
    names = ("109_14", "205", "206", "109_14_weight")
    made, _ = take_apart(features(*parts), features(*parts[::-1]), names=names)
    assert made["109_14"] == [[4, 2], [4, 2]]
    assert made["205"] == [[1], [1]]
    assert made["206"] == [[3], [3]]
    assert made["109_14_weight"] == [[pytest.approx(0.7), 0.5]] * 2


def test_absent_fields_are_missing_and_unknown_ones_left_out():
    made, reasons = take_apart(feature("205", 1), feature("999", 2), feature("206", 3), names=("205", "206", "301"))
    assert made == {"205": [[1], None, None], "206": [None, None, [3]], "301": [None, None, None]}
    assert reasons == {}


def test_repeated_ids_are_kept():
    made, _ = take_apart(features(feature("210", 5), feature("210", 5), feature("210", 5, "2")), names=("210",))
    assert made == {"210": [[5, 5, 5]]}


def test_a_weight_column_needs_no_id_column():
    made, _ = take_apart(feature("508", 1, "0.25"), names=("508_weight",))
    assert made == {"508_weight": [[0.25]]}


@pytest.mark.parametrize(
    ("most", "expected_ids", "expected_weights"),
    [
        (1, [30], [9.0]),
        (2, [30, 20], [9.0, 5.0]),
        (3, [30, 20, 40], [9.0, 5.0, 5.0]),
        (4, [30, 20, 40, 10], [9.0, 5.0, 5.0, 1.0]),
        (5, [30, 20, 40, 10, 50], [9.0, 5.0, 5.0, 1.0, -2.0]),
        (6, [30, 20, 40, 10, 50], [9.0, 5.0, 5.0, 1.0, -2.0]),
    ],
)
def test_the_heaviest_values_are_kept_and_equal_ones_in_their_order(most, expected_ids, expected_weights):
    parts = [("10", "1"), ("20", "5"), ("30", "9"), ("40", "5.0"), ("50", "-2")]
    text = features(*(feature("110_14", number, weight) for number, weight in parts))
    made, _ = take_apart(text, feature("205", 1), text, names=("110_14", "110_14_weight", "205"), most=most)
    assert made["110_14"] == [expected_ids, None, expected_ids]
    assert made["110_14_weight"] == [expected_weights, None, expected_weights]
    assert made["205"] == [None, [1], None]


@pytest.mark.parametrize(
    ("text", "weight"),
    [("1", 1.0), ("1.", 1.0), ("-0.5", -0.5), ("2e3", 2000.0), ("2.5E-1", 0.25), ("1e+2", 100.0), ("007", 7.0)],
)
def test_weights_in_every_form(text, weight):
    made, reasons = take_apart(feature("508", 1, text), names=("508_weight",))
    assert (made, reasons) == ({"508_weight": [[weight]]}, {})


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**63 - 1])
def test_ids_up_to_int64(number):
    assert take_apart(feature("205", number)) == ({"205": [[number]]}, {})


def test_a_list_without_features():
    made, reasons = take_apart((b"0", b""), feature("205", 1), (b"0", b""))
    assert (made, reasons) == ({"205": [None, [1], None]}, {})
    assert take_apart((b"0", b""), (b"00", b"")) == ({"205": [None, None]}, {})


def test_no_columns():
    assert take_apart(feature("205", 1), names=()) == ({}, {})


FIELDS = ("205", "210", "109_14")
FEATURES = st.lists(st.tuples(st.sampled_from(FIELDS), st.integers(0, 9), st.integers(-3, 3)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(FEATURES, min_size=1, max_size=8), st.integers(1, 4))
def test_columns_are_what_sorting_each_row_by_hand_gives(rows, most):
    made, reasons = take_apart(
        *(features(*(feature(field, number, f"{weight}.0") for field, number, weight in row)) for row in rows),
        names=(*FIELDS, *(f"{field}_weight" for field in FIELDS)),
        most=most,
    )
    assert reasons == {}
    for field in FIELDS:
        kept = [
            sorted([part for part in row if part[0] == field], key=lambda part: -part[2])[:most] or None for row in rows
        ]
        assert made[field] == [row and [number for _, number, _ in row] for row in kept]
        assert made[f"{field}_weight"] == [row and [weight for _, _, weight in row] for row in kept]


# --- Rows that can't be taken apart.

FORM = r"column `feature_list` should be features as field\x02id\x03value, joined by \x01. Received: "


@pytest.mark.parametrize(
    ("text", "received"),
    [
        (b"205\x021", "205\x021"),
        (b"205\x031.0\x021", "205\x031.0\x021"),
        (b"205\x021\x021.0", "205\x021\x021.0"),
        (b"205,1,1.0", "205,1,1.0"),
        (b"\x021\x031.0", "\x021\x031.0"),
        (b"205\x02\x031.0", "205\x02\x031.0"),
        (b"205\x021\x03", "205\x021\x03"),
        (b"205\x02-1\x031.0", "205\x02-1\x031.0"),
        (b"205\x021.5\x031.0", "205\x021.5\x031.0"),
        (b"205\x02x\x031.0", "205\x02x\x031.0"),
        (b"a205\x021\x031.0", "a205\x021\x031.0"),
        (b"205\x021\x03nan", "205\x021\x03nan"),
        (b"205\x021\x03.5", "205\x021\x03.5"),
        (b"205\x021\x031.0 ", "205\x021\x031.0"),
        (b"205\x021\x031.0\0", "205\x021\x031.0\0"),
        (b"205\x021\x031.0\xff", "205\x021\x031.0\\xff"),
        (b"\x01205\x021\x031.0", "\x01205\x021\x031.0"),
        (b"205\x021\x031.0\x01", "205\x021\x031.0\x01"),
        (b"205\x021\x031.0\x01\x01206\x021\x031.0", "205\x021\x031.0\x01\x01206\x021\x031.0"),
        (b"\x01", "\x01"),
    ],
)
def test_a_malformed_list_costs_its_row_alone(text, received):
    made, reasons = take_apart(feature("205", 1), text, feature("205", 3))
    assert made == {"205": [[1], None, [3]]}
    assert reasons == {1: FORM + received}


@pytest.mark.parametrize("told", [b"1", b"3", b"0", b"", b"-2", b"2.0", b"x", b" 2", b"2 ", b"9" * 30, b"\xff"])
def test_a_feature_num_that_is_not_the_number_of_features(told):
    two = features(feature("205", 1), feature("206", 2))
    made, reasons = take_apart(feature("205", 7), (told, two), feature("205", 8))
    assert made == {"205": [[7], None, [8]]}
    shown = told.decode("utf-8", "backslashreplace").strip()
    assert reasons == {1: f"column `feature_num` should be the number of features, 2. Received: {shown}"}


def test_a_feature_num_without_features():
    message = "column `feature_num` should be the number of features, 0. Received: 1"
    assert take_apart((b"1", b"")) == ({"205": [None]}, {0: message})


@pytest.mark.parametrize("number", [2**63, 10**30])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_id_beyond_int64_costs_its_row_alone(number, place):
    rows = [feature("205", 1), feature("205", 2)]
    rows.insert(place, features(feature("205", 5), feature("206", number)))
    made, reasons = take_apart(*rows, names=("205", "206"))
    good = [[1], [2]]
    good.insert(place, None)
    assert made == {"205": good, "206": [None] * 3}
    assert list(reasons) == [place]
    assert reasons[place].startswith("column `feature_list` should have ids of 64 bits. Received: ")
    assert str(number) in reasons[place]


def test_an_id_of_very_many_digits_is_not_told_in_full():
    _, reasons = take_apart(feature("205", "9" * 5_000))
    assert len(reasons[0]) < 300


@pytest.mark.parametrize("lists", [2, 3, 5])
def test_an_id_beyond_int64_among_empty_lists(lists):
    empty = [(b"0", b"")] * lists
    bad = feature("205", 2**63)
    made, reasons = take_apart(*empty[1:], bad, *empty[1:])
    assert (made, list(reasons)) == ({"205": [None] * (2 * lists - 1)}, [lists - 1])


def test_any_number_of_different_fields():
    text = features(*(feature(str(i), i) for i in range(40_000)))
    made, reasons = take_apart(text, names=("205", "39999"))
    assert (made, reasons) == ({"205": [[205]], "39999": [[39999]]}, {})


def test_a_weight_beyond_float32_is_no_weight():
    made, reasons = take_apart(feature("508", 1, "1e39"), feature("508", 2), names=("508",))
    assert made == {"508": [None, [2]]}
    assert list(reasons) == [0]


# --- Lines to cells.


def line(index: bytes = INDEX, text: bytes = b"1,0", number: int = 1) -> bytes:
    return b"%d,%s,%s,1,205\x02%d\x031.0" % (number, text, index, number)


def read(tmp_path: Path, data: bytes, names=SKELETON, max_bytes: int = 1000, where=None):
    """Cells by position, raw lines by position, and the dead letters."""
    path = tmp_path / "skeleton.csv"
    path.write_bytes(data)
    cells, raw, dead = {}, {}, []
    for rows in ali_ccp.read_cells(where or FileRange(str(path)), names, max_bytes):
        dead += rows.dead
        if not rows.batch.num_rows:
            continue
        places = [f"{rows.unit} {at}" for at in rows.positions]
        cells |= dict(zip(places, rows.batch.to_pylist(), strict=True))
        raw |= dict(zip(places, ali_ccp.raw_lines(rows.batch, names).to_pylist(), strict=True))
        assert rows.raw.to_pylist() == [raw[place] for place in places]
    return cells, raw, dead


def test_a_line_of_the_skeleton_by_hand(tmp_path):
    cells, raw, dead = read(tmp_path, b"1,0,1,bacff91692951881,2,206\x025\x031.0\x01205\x027\x031.0\n")
    assert cells == {
        "line 1": {
            "sample_id": b"1",
            "click": b"0",
            "conversion": b"1",
            "common_feature_index": b"bacff91692951881",
            "feature_num": b"2",
            "feature_list": b"206\x025\x031.0\x01205\x027\x031.0",
        }
    }
    assert raw == {"line 1": b"1,0,1,bacff91692951881,2,206\x025\x031.0\x01205\x027\x031.0"}
    assert dead == []


def test_a_line_of_the_common_features(tmp_path):
    cells, _, _ = read(tmp_path, b"%s,0,\n" % INDEX, names=ali_ccp.COMMON_NAMES)
    assert cells == {"line 1": {"common_feature_index": INDEX, "feature_num": b"0", "feature_list": b""}}


def test_labels_are_named_as_in_the_log():
    assert ali_ccp.skeleton_names("klick", "kauf") == [
        "sample_id",
        "klick",
        "kauf",
        "common_feature_index",
        "feature_num",
        "feature_list",
    ]


def test_quotes_and_what_csv_takes_for_null_mean_nothing(tmp_path):
    cells, raw, _ = read(tmp_path, line(text=b'",0') + b"\n" + line(text=b"NULL,NaN") + b"\n")
    assert [(row["click"], row["conversion"]) for row in cells.values()] == [(b'"', b"0"), (b"NULL", b"NaN")]
    assert list(raw.values()) == [line(text=b'",0'), line(text=b"NULL,NaN")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_line_ends(tmp_path, end):
    _, raw, dead = read(tmp_path, line(number=1) + (end or b"\n") + line(number=2) + end)
    assert (raw, dead) == ({"line 1": line(number=1), "line 2": line(number=2)}, [])


CARRIAGE_RETURN = "a line should end in a line feed. Received: a carriage return inside a line"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "column `common_feature_index` should be 16 hexadecimal characters. Received:"),
        (b"x", "a line should have 6 columns. Received: 1"),
        (line() + b",x", "a line should have 6 columns. Received: 7"),
        (line().replace(b",", b"", 1), "a line should have 6 columns. Received: 5"),
        (line().replace(b"205", b"2\r05"), CARRIAGE_RETURN),
        (b"\r" + line(), CARRIAGE_RETURN),
        *(
            (line(index), f"column `common_feature_index` should be 16 hexadecimal characters. Received:{shown}")
            for index, shown in [
                (b"", ""),
                (INDEX[1:], " " + INDEX[1:].decode()),
                (INDEX + b"0", " " + INDEX.decode() + "0"),
                (b"0" * 15 + b"g", " 000000000000000g"),
                (b" " + INDEX[1:], " " + INDEX[1:].decode()),
                (b"\xff" * 16, " " + "\\xff" * 16),
                (b"0" * 15 + b"\0", " 000000000000000\0"),
            ]
        ),
    ],
)
def test_a_bad_line_costs_itself_alone(tmp_path, bad, reason):
    lines = [line(number=1), line(number=2), bad, line(number=4)]
    cells, _, dead = read(tmp_path, b"\n".join(lines) + b"\n")
    assert {place: row["sample_id"] for place, row in cells.items()} == {"line 1": b"1", "line 2": b"2", "line 4": b"4"}
    assert dead == [DeadLetter(str(tmp_path / "skeleton.csv"), "line 3", reason, bad)]


@pytest.mark.parametrize("place", [0, 1])
def test_a_byte_order_mark_inside_a_file_is_part_of_its_line(tmp_path, place):
    lines = [line(number=1), line(number=2), line(number=3)]
    lines[place + 1] = b"\xef\xbb\xbf" + lines[place + 1]
    where = FileRange(str(tmp_path / "skeleton.csv"), 5)  # the range's first line is the file's second
    cells, raw, dead = read(tmp_path, b"\n".join(lines), where=where)
    assert list(raw.values()) == lines[1:]
    assert [row["sample_id"] for row in cells.values()] == [text.split(b",")[0] for text in lines[1:]]
    assert dead == []


def test_a_line_that_is_too_long(tmp_path):
    cells, _, (letter,) = read(tmp_path, line() + b"\n" + b"x" * 100 + b"\n" + line() + b"\n", max_bytes=60)
    assert list(cells) == ["line 1", "line 3"]
    assert (letter.position, letter.raw) == ("line 2", b"x" * 60)


@pytest.mark.parametrize(
    ("name", "common"),
    [
        *((name, True) for name in ("101", "109_14", "110_14", "127_14", "150_14", "121", "122", "124")),
        *((name, True) for name in ("125", "126", "127", "128", "129")),
        *((name, False) for name in ("205", "206", "207", "210", "216", "508", "509", "702", "853", "301")),
        *((name, False) for name in ("click", "1019", "14")),
        ("109_14_weight", True),
        ("508_weight", False),
    ],
)
def test_the_fields_of_the_user_are_common_features(name, common):
    assert ali_ccp.is_common(Column(name, schema_pb2.INT)) is common
