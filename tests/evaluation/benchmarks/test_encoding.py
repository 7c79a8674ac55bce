from evaluation.benchmarks.encoding import bench_encoding
from evaluation.benchmarks.measured import MeasuredStages


def test_a_register_is_encoded_pass_by_pass_and_measured(tmp_path):
    report = bench_encoding(300, passes=3, folder=tmp_path)
    assert report["passes"] == 3 == len(list(tmp_path.glob("pass-*.parquet")))
    assert report["rows"] > 300 * 2
    assert report["file_bytes"] == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert report["identities_per_second_core"] > 0
    assert report["peak_bytes"] > 10**7
    assert "within" not in report


def test_the_stored_passes_are_audited_in_the_same_run():
    report = bench_encoding(300, passes=2, audit_rows=40, rows_per_person="many", control_persons=300, control_rows=20)
    assert report["audit"]["attacked"] == 40
    assert report["audit"]["structure_held"]
    assert set(report["audit"]["union"]) == {"1", "0.5", "0.2"}
    assert {"wrong_key", "wrong_epoch", "random_bits"} <= set(report["audit"]["controls"])
    assert report["within"] == {"seconds": True, "cpu_seconds_by_processors": True, "bytes": True}
    stages = report["stages"]
    assert {"crowded", "encode", "audit: attacks", "audit: own file", "audit: structure"} <= set(stages)
    timed = [one["cpu_seconds"] for name, one in stages.items() if name != "persons"]
    assert report["cpu_seconds"] == round(sum(timed), 3)


def test_stages_measure_the_peak_within_each():
    stages = MeasuredStages()
    with stages.measure("much"):
        assert len(bytearray(200_000_000)) > 0
    with stages.measure("little"):
        pass
    assert stages.stages["much"]["peak_bytes"] >= stages.stages["little"]["peak_bytes"] > 0
    assert stages.peak == stages.stages["much"]["peak_bytes"]
