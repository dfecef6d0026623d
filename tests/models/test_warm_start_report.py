"""What is told of a warm start."""

from models import warm_start_report
from models.warm_start_report import FieldCounts, WarmStartReport, told

REPORT = WarmStartReport(
    earlier="/models/7",
    fields=(
        FieldCounts(field="user", kept=1000, new=20, vanished=0),
        FieldCounts(field="item", kept=500, new=30, vanished=4),
        FieldCounts(field="gone", kept=0, new=0, vanished=9),
    ),
)


def test_all_fields_together_and_the_one_with_the_most():
    assert told(REPORT) == "1,500 ids kept, 50 new (most: item 30), 13 vanished (most: gone 9); of /models/7"


def test_no_field_is_named_where_there_is_none_of_it():
    report = WarmStartReport(earlier="/models/7", fields=(FieldCounts(field="user", kept=3, new=0, vanished=0),))
    assert told(report) == "3 ids kept, 0 new, 0 vanished; of /models/7"


def test_nothing_to_begin_with():
    assert told(WarmStartReport()) == ("none: there is no blessed model of other examples yet; trained from scratch")


def test_round_trip(tmp_path):
    assert warm_start_report.read(str(tmp_path)) is None
    warm_start_report.write(REPORT, str(tmp_path / "run"))
    assert warm_start_report.read(str(tmp_path / "run")) == REPORT
