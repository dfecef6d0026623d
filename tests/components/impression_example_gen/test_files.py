"""Which files a split has, and when their fingerprint changes."""

import os
import re
from importlib.util import find_spec

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem

from components.impression_example_gen import files
from schema.errors import InputError


@pytest.fixture
def base(tmp_path):
    for day in ("01", "02", "03", "10"):
        (tmp_path / f"day-{day}.csv").write_text(f"a\n{day}\n")
    (tmp_path / "notes.txt").write_text("no data")
    return tmp_path


def match(base, **splits: list[str]) -> dict[str, dict[str, list]]:
    """Of a flat log, which has one role."""
    return files.match_splits(str(base), {split: {"impressions": found} for split, found in splits.items()}, [])


def names(matched) -> dict[str, list[str]]:
    return {split: [os.path.basename(file.path) for file in roles["impressions"]] for split, roles in matched.items()}


def test_splits_keep_their_order_and_files_are_sorted(base):
    matched = match(base, train=["day-10.csv", "day-0[12].csv"], eval=["day-03.csv"])
    assert list(matched) == ["train", "eval"]
    assert names(matched) == {"train": ["day-01.csv", "day-02.csv", "day-10.csv"], "eval": ["day-03.csv"]}
    assert [file.path for file in matched["eval"]["impressions"]] == [str(base / "day-03.csv")]
    assert matched["eval"]["impressions"][0].size_in_bytes == len("a\n03\n")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.csv", ["day-01.csv", "day-02.csv", "day-03.csv", "day-10.csv"]),
        ("day-?1.csv", ["day-01.csv"]),
        ("day-0[1-3].csv", ["day-01.csv", "day-02.csv", "day-03.csv"]),
    ],
)
def test_patterns(base, pattern, found):
    assert names(match(base, train=[pattern])) == {"train": found}


def test_a_pattern_below_the_base(base):
    (base / "more").mkdir()
    (base / "more" / "day-99.csv").write_text("a\n")
    matched = match(base, train=["more/*.csv"])
    assert [file.path for file in matched["train"]["impressions"]] == [str(base / "more" / "day-99.csv")]


@pytest.mark.parametrize("pattern", ["day-04.csv", "day-9*.csv", "none/*.csv"])
def test_a_pattern_without_files_is_named_with_its_split(base, pattern):
    with pytest.raises(InputError) as error:
        match(base, train=["day-01.csv"], eval=["day-02.csv", pattern])
    assert str(error.value) == (
        f"`data.splits.eval` should match files in {base}. Received: {pattern}, which matches none"
    )


def test_a_base_that_does_not_exist(tmp_path):
    with pytest.raises(InputError) as error:
        match(tmp_path / "none", train=["*.csv"])
    assert str(error.value) == (
        f"`data.splits.train` should match files in {tmp_path / 'none'}. Received: *.csv, which matches none"
    )


@pytest.mark.parametrize(
    ("split", "key"),
    [("serving", "`data.serving_sample.files`"), ("train", "`data.splits.train`"), ("--data", "--data")],
)
def test_the_patterns_are_named_by_where_they_were_given(base, split, key):
    with pytest.raises(InputError) as error:
        files.match_splits(str(base), {split: {"impressions": ["none"]}}, [])
    assert str(error.value) == f"{key} should match files in {base}. Received: none, which matches none"


def test_no_base_is_the_working_directory(base, monkeypatch):
    monkeypatch.chdir(base)
    with pytest.raises(InputError) as error:
        match("", train=["none"])
    assert str(error.value) == (
        "`data.splits.train` should match files in the working directory. Received: none, which matches none"
    )
    assert names(match("", train=["day-01.csv"])) == {"train": ["day-01.csv"]}


def test_a_base_in_a_store_that_beam_does_not_know():
    with pytest.raises(InputError) as error:
        match("nosuchfs://bucket/logs", train=["*.csv"])
    assert re.fullmatch(
        r"`data\.base` should be a path or in .*\bgs://.*\. Received: nosuchfs://bucket/logs", str(error.value)
    )


@pytest.mark.skipif(find_spec("boto3") is not None, reason="boto3 is installed")
def test_a_base_on_s3_without_what_beam_needs_for_it():
    with pytest.raises(InputError, match=r"Received: s3://bucket/logs, which needs the module boto3$"):
        match("s3://bucket/logs", train=["*.csv"])


def test_a_pattern_with_a_store_of_its_own_is_named_by_where_it_was_given():
    with pytest.raises(InputError, match=r"^--data should be a path or in "):
        files.match_splits("", {"--data": {"impressions": ["nosuchfs://bucket/*.csv"]}}, [])


def test_a_file_in_two_splits(base):
    with pytest.raises(InputError) as error:
        match(base, train=["day-0*.csv"], eval=["day-1*.csv", "*3.csv"])
    assert str(error.value) == (
        f"each file should belong to one pattern of one split. Received: {base}/day-03.csv, "
        "matched in train and again in eval"
    )


def test_a_file_twice_in_a_split(base):
    with pytest.raises(InputError, match=re.escape("day-01.csv, matched in train and again in train")):
        match(base, train=["day-0*.csv", "day-01.csv"])


# --- Files in several roles.


def events(base, train: dict[str, list[str]], evaluation: dict[str, list[str]]):
    return files.match_splits(str(base), {"train": train, "eval": evaluation}, [])


def test_each_role_has_its_files(base):
    matched = events(
        base,
        {"skeleton": ["day-02.csv"], "common_features": ["day-10.csv", "day-01.csv"]},
        {"skeleton": ["day-03.csv"], "common_features": ["notes.txt"]},
    )
    assert {
        split: {role: [os.path.basename(file.path) for file in found] for role, found in roles.items()}
        for split, roles in matched.items()
    } == {
        "train": {"skeleton": ["day-02.csv"], "common_features": ["day-01.csv", "day-10.csv"]},
        "eval": {"skeleton": ["day-03.csv"], "common_features": ["notes.txt"]},
    }


def test_a_role_without_files_is_named_with_its_split(base):
    with pytest.raises(InputError) as error:
        events(base, {"impressions": ["day-01.csv"], "clicks": ["none-*.csv"]}, {"impressions": ["day-02.csv"]})
    assert str(error.value) == (
        f"`data.splits.train.clicks` should match files in {base}. Received: none-*.csv, which matches none"
    )


@pytest.mark.parametrize("role", ["clicks", "conversions"])
def test_events_may_belong_to_several_splits(base, role):
    """They may come days after their impression."""
    found = {role: ["day-[01][0-3].csv", "notes.txt"]}
    (base / "train.csv").write_text("a\n")
    (base / "eval.csv").write_text("a\n")
    matched = events(base, {"impressions": ["train.csv"], **found}, {"impressions": ["eval.csv"], **found})
    for split in ("train", "eval"):
        assert [os.path.basename(file.path) for file in matched[split][role]] == [
            "day-01.csv",
            "day-02.csv",
            "day-03.csv",
            "day-10.csv",
            "notes.txt",
        ]


def test_the_same_events_twice_in_a_split(base):
    with pytest.raises(InputError, match=re.escape("day-02.csv, matched in train.clicks and again in train.clicks")):
        events(base, {"impressions": ["notes.txt"], "clicks": ["day-*.csv", "day-02.csv"]}, {})


@pytest.mark.parametrize("role", ["skeleton", "common_features", "impressions"])
def test_other_roles_share_no_files(base, role):
    with pytest.raises(InputError, match=re.escape("day-02.csv, matched in train.x and again in eval")):
        events(base, {"x": ["day-02.csv"], "y": ["day-01.csv"]}, {role: ["day-02.csv"]})


def fingerprint(base, train=("day-01.csv", "day-02.csv"), evaluation=("day-03.csv",)) -> str:
    return files.fingerprint(match(base, train=train, eval=evaluation))


def test_the_fingerprint_is_stable(base):
    first = fingerprint(base)
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert fingerprint(base) == first
    assert fingerprint(base, ("day-02.csv", "day-01.csv")) == first
    assert fingerprint(base, ("day-0[12].csv",)) == first
    swapped = match(base, eval=["day-03.csv"], train=["day-0[12].csv"])
    assert files.fingerprint(swapped) == first


def test_the_fingerprint_changes_with_the_files(base):
    seen = {fingerprint(base)}
    seen.add(fingerprint(base, ("day-01.csv",)))  # one fewer
    seen.add(fingerprint(base, ("day-01.csv", "day-02.csv", "day-10.csv")))  # one more
    seen.add(fingerprint(base, ("day-01.csv", "day-10.csv")))  # another
    seen.add(fingerprint(base, ("day-01.csv",), ("day-02.csv", "day-03.csv")))  # in the other split
    parted = files.match_splits(
        str(base),
        {
            "train": {"common_features": ["day-01.csv"], "skeleton": ["day-02.csv"]},
            "eval": {"impressions": ["day-03.csv"]},
        },
        [],
    )
    seen.add(files.fingerprint(parted))  # in other roles
    assert len(seen) == 6


def test_the_fingerprint_changes_when_a_file_is_rewritten(base):
    path = base / "day-01.csv"
    os.utime(path, (1_000_000, 1_000_000))
    first = fingerprint(base)
    os.utime(path, (1_000_000, 1_000_001))
    touched = fingerprint(base)
    path.write_text("a\n012\n")
    os.utime(path, (1_000_000, 1_000_000))
    longer = fingerprint(base)
    assert len({first, touched, longer}) == 3


class Store(LocalFileSystem):
    """An object store with an empty object that marks a directory, as Beam lists it."""

    @classmethod
    def scheme(cls) -> str:
        return "store"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath, *paths])

    def match(self, patterns, limits=None):
        found = [FileMetadata("store://log/", 0), FileMetadata("store://log/day-01.csv", 5)]
        return [MatchResult(pattern, found) for pattern in patterns]


def test_empty_objects_that_mark_directories_are_passed_over():
    matched = match("store://log", train=["*"])
    assert [file.path for file in matched["train"]["impressions"]] == ["store://log/day-01.csv"]
