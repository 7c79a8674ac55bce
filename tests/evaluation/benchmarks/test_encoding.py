from evaluation.benchmarks.encoding import bench_encoding


def test_a_register_is_encoded_pass_by_pass_and_measured(tmp_path):
    report = bench_encoding(300, passes=3, folder=tmp_path)
    assert report["passes"] == 3 == len(list(tmp_path.glob("pass-*.parquet")))
    assert report["rows"] > 300 * 2
    assert report["file_bytes"] == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert report["identities_per_second_core"] > 0
    assert report["peak_bytes"] > 10**7
