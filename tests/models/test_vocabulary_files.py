"""The vocabularies' files, written and read back, without tf.Transform."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import vocabulary_files
from models.vocabulary_files import WriteFiles
from schema import vocabulary
from schema.fields import Field

HALF = 5 * 10**14
TEXTS = st.one_of(
    st.sampled_from([b"a", b"\t", b"a\tb", b"\0", b"\xff", b" "]), st.binary(min_size=1, max_size=4)
).filter(lambda text: not {10, 13} & set(text))
NARROW = st.one_of(st.sampled_from([0, HALF - 1, 1 - HALF]), st.integers(1 - HALF, HALF - 1))
WIDE = st.one_of(st.sampled_from([HALF, -HALF, -(2**63), 2**63 - 1]), st.integers(-(2**63), 2**63 - 1))
COLUMN = st.one_of(*(st.lists(tokens, unique=True, max_size=8) for tokens in (TEXTS, NARROW, WIDE)))


def write(columns: dict[str, list], directory, earlier: str = "", **options) -> str:
    """Writes vocabularies, each of integers or of bytes; without tokens it is one of strings."""
    fields, dtypes, tables = [], [], []
    for name, tokens in columns.items():
        is_integer = bool(tokens) and isinstance(tokens[0], int)
        fields.append(Field(name=name, feature=f"raw_{name}", entity="user", **options))
        dtypes.append("int64" if is_integer else "string")
        tables.append(pa.table({"token": pa.array(tokens, pa.int64() if is_integer else pa.binary())}))
    outputs = list(WriteFiles(tuple(fields), tuple(dtypes), str(directory), earlier).process(tables))
    names = ("vocabularies_int64", "vocabularies_bytes", "vocabularies.json")
    assert [(one.tag, one.value.item()) for one in outputs] == [
        (name, f"{directory}/{name}".encode()) for name in names
    ]
    return str(directory)


def read(directory: str) -> dict[str, list[bytes]]:
    tokens = vocabulary_files.read_tokens(directory)
    return {name: of_field.to_pylist() for name, of_field in tokens.items()}


def as_text(tokens: list) -> list[bytes]:
    return [str(token).encode() if isinstance(token, int) else token for token in tokens]


def test_files_by_hand(tmp_path):
    columns = {"x": [7, -7], "y": [b"b", b"a\tb"], "none": [], "wide": [3, HALF, 1 - HALF], "z": [HALF - 1, 1 - HALF]}
    directory = write(columns, tmp_path)
    numbers = [0, HALF, 10**15 + 7, 10**15 - 7, 9 * HALF, 11 * HALF - 1, 9 * HALF + 1]
    assert (tmp_path / "vocabularies_int64").read_text() == "".join(f"{number}\n" for number in numbers)
    assert (tmp_path / "vocabularies_bytes").read_bytes() == (
        b"\t\ny\t\ny\tb\ny\ta\tb\nnone\t\nwide\t\nwide\t3\nwide\t500000000000000\nwide\t-499999999999999\n"
    )
    entries = vocabulary_files.read_entries(directory)
    assert [tuple(entry.model_dump().values()) for entry in entries.values()] == [
        ("x", 1, "raw_x", "int64", "vocabularies_int64", 2, 2, 1),
        ("y", 2, "raw_y", "string", "vocabularies_bytes", 2, 2, 1),
        ("none", 3, "raw_none", "string", "vocabularies_bytes", 5, 0, 1),
        ("wide", 4, "raw_wide", "int64", "vocabularies_bytes", 6, 3, 1),
        ("z", 5, "raw_z", "int64", "vocabularies_int64", 5, 2, 1),
    ]


@settings(max_examples=100, deadline=None)
@given(
    columns=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1), COLUMN, max_size=4
    )
)
def test_what_is_written_is_read_back(columns, tmp_path_factory):
    directory = write(columns, tmp_path_factory.mktemp("files"))
    assert read(directory) == {name: as_text(tokens) for name, tokens in columns.items()}
    for name, entry in vocabulary_files.read_entries(directory).items():
        integers = [token for token in columns[name] if isinstance(token, int)]
        narrow = bool(integers) and all(-HALF < token < HALF for token in integers)
        assert entry.file == (vocabulary.INTEGERS_FILE if narrow else vocabulary.BYTES_FILE)


def test_many_tokens(tmp_path):
    """More than are written at a time."""
    columns = {"x": list(range(200_000)), "y": [b"%d" % one for one in range(150_000)]}
    assert read(write(columns, tmp_path)) == {name: as_text(tokens) for name, tokens in columns.items()}


@settings(max_examples=100, deadline=None)
@given(
    days=st.sampled_from([TEXTS, NARROW, WIDE]).flatmap(
        lambda tokens: st.lists(st.lists(tokens, unique=True, min_size=1, max_size=6), min_size=1, max_size=4)
    ),
    top_k=st.one_of(st.none(), st.integers(1, 12)),
)
def test_carried_on_day_by_day(days, top_k, tmp_path_factory):
    directory, known = "", []
    for tokens in days:
        # No more than `top_k` come here, known ones among them; they leave as many new ones as there is room for.
        columns = {"before": [5], "x": tokens[:top_k]}
        directory = write(columns, tmp_path_factory.mktemp("day"), directory, top_k=top_k)
        new = [token for token in as_text(tokens) if token not in known]
        known += new if top_k is None else new[: max(0, top_k - len(known))]
        assert read(directory) == {"before": [b"5"], "x": known}


@pytest.mark.parametrize(
    ("top_k", "carried_on"),
    [
        (None, [b"c", b"a", b"b", b"d", b"e"]),
        (4, [b"c", b"a", b"b", b"d"]),
        (3, [b"c", b"a", b"b"]),
        (2, [b"c", b"a", b"b"]),
    ],
)
def test_carry_on_by_hand(top_k, carried_on):
    known = pa.chunked_array([[b"c", b"a"], [b"b"]], pa.binary())
    tokens = pa.chunked_array([[b"b", b"d"], [], [b"a", b"e"]], pa.binary())
    assert vocabulary_files.carry_on(known, tokens, top_k).to_pylist() == carried_on


def test_nothing_to_carry_on():
    nothing_known, known = pa.array([], pa.large_binary()), pa.array([b"x"], pa.large_binary())
    none, some = pa.chunked_array([[]], pa.binary()), pa.chunked_array([[b"x"]], pa.binary())
    assert vocabulary_files.carry_on(nothing_known, some, None).to_pylist() == [b"x"]
    assert vocabulary_files.carry_on(known, none, None).to_pylist() == [b"x"]
    assert vocabulary_files.carry_on(nothing_known, none, 3).to_pylist() == []


def test_fields_that_come_go_and_change_their_place(tmp_path):
    """Fields are found by name: their numbers, files and types may be others than before."""
    first = write({"x": [1, 2], "gone": [9], "y": [b"a"]}, tmp_path / "first")
    second = write({"y": [b"b"], "new": [5], "x": [2**62, 2]}, tmp_path / "second", first)
    assert read(second) == {"y": [b"a", b"b"], "new": [b"5"], "x": [b"1", b"2", b"4611686018427387904"]}
    # What made it wide is still there, though not seen again.
    third = write({"x": [3]}, tmp_path / "third", second)
    assert read(third) == {"x": [b"1", b"2", b"4611686018427387904", b"3"]}
    assert vocabulary_files.read_entries(third)["x"].file == vocabulary.BYTES_FILE
