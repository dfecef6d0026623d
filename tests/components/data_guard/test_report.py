from components.data_guard.report import GuardReport


def test_a_report_reads_back_equal():
    report = GuardReport(sampled=9, auc={"x": {"click": {"values": 0.75}}}, allowed=("train, x: ü", "train, y: z"))
    assert GuardReport.from_json(report.to_json()) == report
