"""The comparison of training speed: its ratios, its pages, its guard, and who takes part."""

import numpy as np
import pytest

from benchmarks import guard, networks, speed_page, train_speed, xla_loop
from benchmarks import training_contenders as contenders


def _row(contender, role, rates, dtype="float32", network="mlp"):
    return {
        **{"network": network, "dtype": dtype, "batch_size": 300, "contender": contender},
        **{"role": role, "rates": rates, "median": float(np.median(rates)), "min": min(rates)},
        **{"max": max(rates), "share": 0.5, "matrix_product": 2e11, "other_load": 0.125},
    }


ROWS = [
    _row("elbo-zoo", contenders.OURS, [100.0, 90.0, 120.0]),
    _row("PyTorch", contenders.PEER, [50.0, 60.0, 48.0]),
    _row("pythae", contenders.PEER, [25.0, 25.0, 25.0]),
    _row("by hand", contenders.LIMIT, [125.0, 120.0, 125.0]),
    _row("elbo-zoo", contenders.OURS, [80.0, 80.0, 80.0], "bfloat16"),
    _row("PyTorch", contenders.PEER, [70.0, 64.0, 80.0], "bfloat16"),
]
REPORT = {
    **{"command": "python -m benchmarks.train_speed", "rows": ROWS, "hardware": "a processor"},
    **{"ratios": train_speed.ratios(ROWS), "versions": {"tensorflow": "2.21", "torch": "2.14"}},
}


def _ratio(dtype, other, ratios=REPORT["ratios"]):
    (row,) = [r for r in ratios if (r["dtype"], r["other"]) == (dtype, other)]
    return row


def test_a_ratio_is_taken_in_each_round():
    row = _ratio("float32", "PyTorch")
    assert (row["min"], row["median"], row["max"]) == (1.5, 2.0, 2.5)
    assert _ratio("float32", "by hand")["median"] == 0.8


def test_the_best_type_of_ours_is_compared_with_the_best_type_of_a_peer():
    row = _ratio("best", "PyTorch")
    assert row["median"] == 100 / 70  # of 100 / 70, 90 / 64, 120 / 80
    assert not [r for r in REPORT["ratios"] if (r["dtype"], r["other"]) == ("best", "pythae")]


def test_a_ratio_fell_by_more_than_the_spread_of_both_runs():
    now = [dict(row) for row in REPORT["ratios"]]
    for row, median in ((_ratio("float32", "pythae", now), 3.1), (now[0], 1.6)):
        row.update(median=median, min=median - 0.05, max=median + 0.05)
    rows = guard.compared(REPORT["ratios"], now[:-1])
    assert len(rows) == len(now) - 1
    fell = {(row["dtype"], row["other"]): row["fell"] for row in rows}
    # Committed 2.0 in [1.5, 2.5], and 4.0 in [3.6, 4.8]: half of the ranges is 0.55 and 0.65.
    assert fell.pop(("float32", "pythae")) is True
    assert not any(fell.values())


def test_pages_show_the_report(tmp_path):
    (tmp_path / "docs").mkdir()
    marks = f"<!-- training: {speed_page.COMMAND} -->\nold\n<!-- end of training -->\nkept\n"
    for name in ("docs/speed.md", "README.md"):
        (tmp_path / name).write_text(f"first\n{marks}")
    speed_page.write(tmp_path, REPORT)
    page = (tmp_path / "docs/speed.md").read_text()
    assert "| mlp, 300 | float32 | **elbo-zoo** | **100** | 90, 120 | 50% |" in page
    assert "| mlp | float32 | elbo-zoo | PyTorch | 2.00 | 1.50, 2.50 |" in page
    assert "Other load at most 0.12 cores. a processor; tensorflow 2.21, torch 2.14." in page
    readme = (tmp_path / "README.md").read_text()
    assert "| dense, float32 | **100** | 50 (PyTorch) | 125 (by hand) |" in readme
    assert readme.startswith("first\n") and readme.endswith("kept\n") and "old" not in readme


def test_contenders_have_the_same_network_batch_and_type(monkeypatch):
    monkeypatch.setattr(contenders.importlib.util, "find_spec", lambda name: True)
    for network, dtype, count in (
        ("mlp", "float32", 9),
        ("mlp", "bfloat16", 8),
        ("gated_conv", "bfloat16", 6),
    ):
        entries = contenders.entries(network, dtype, 6000)
        assert len(entries) == count == len({entry.name for entry in entries})
        for entry in entries[1:]:
            assert entry.options["batch_size"] == contenders.BATCHES[network]
            wanted = entry.options.get("dtype_policy", entry.options.get("dtype", "float32"))
            assert wanted.removeprefix("mixed_") == dtype
    monkeypatch.setattr(contenders.importlib.util, "find_spec", lambda name: name == "tensorflow")
    names = [entry.name for entry in contenders.entries("gated_conv", "float32", 256)]
    assert names == ["matrix product", "elbo-zoo"]


def test_the_loop_by_hand_has_the_same_kernels():
    assert networks.mlp() == sum(w.size for w in xla_loop.parameters() if w.ndim == 2)


def test_pythae_trains_the_same_kernels():
    pytest.importorskip("pythae", reason="needs pythae, which the benchmark compares with")
    from benchmarks import pythae_training

    parts = pythae_training.Encoder(2), pythae_training.Decoder(2)
    weights = [w for part in parts for w in part.parameters() if w.ndim == 2]
    assert networks.mlp() == sum(w.numel() for w in weights)


def test_the_example_of_keras_has_the_same_kernels():
    from benchmarks import keras_example

    if keras_example.keras.backend.backend() != "tensorflow":
        pytest.skip("the example's step is TensorFlow's")
    kernels = [w for w in keras_example.build().trainable_weights if len(w.shape) == 2]
    assert networks.mlp() == sum(int(np.prod(w.shape)) for w in kernels)
