"""Bad parameters and a missing GPU: told at once, before anything is made."""

import pytest

pytestmark = pytest.mark.faults


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_computed(fresh):
    (fresh.root / "params/tiny/laptop.yaml").write_text("numbers: six\nblcks: 3\n")
    ended = fresh.run("--set", "exponent=-1", "--cluster", "lokal", "--time-limit", "soon")
    assert ended.code == 2
    assert "params/tiny/laptop.yaml:1: `numbers`: wrong type" in ended.said
    assert "params/tiny/laptop.yaml:2: `blcks`: unknown parameter (did you mean `blocks`?)" in ended.said
    assert "--set exponent=-1: `exponent`: out of range" in ended.said
    assert "no such cluster (did you mean `local`?)" in ended.said
    assert "--time-limit: not a span of time" in ended.said
    assert "Traceback" not in ended.said
    assert not (fresh.root / "build").exists() and not (fresh.root / "figures").exists()


@pytest.mark.parametrize("where", ["option", "file"])
def test_a_gpu_that_is_demanded_and_missing_is_told_before_any_work(fresh, where):
    fresh.environment["CUDA_VISIBLE_DEVICES"] = ""
    if where == "file":
        (fresh.root / "params/tiny/laptop.yaml").write_text("numbers: 6\ndevice: cuda\n")
    ended = fresh.run(*(["--device", "cuda"] if where == "option" else []))
    assert ended.code == 2
    assert "'cuda' was asked for, but PyTorch finds no CUDA device here" in ended.said
    assert "use device 'auto' or 'cpu'" in ended.said and "Traceback" not in ended.said
    assert not (fresh.root / "build").exists() and not (fresh.root / "figures").exists()
