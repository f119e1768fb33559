"""What the files in params/clusters say is checked before any work, with everything else."""

from pathlib import Path

import pytest

FILE = """\
description: no GPUs
scheduler: slurm
driver: {cores: 1, memory_gib: 2, walltime: "1:00"}
workers:
  cpu: {cores: 4, memory_gib: 8, walltime: "1:00", maximum_jobs: 3}
allocation: {core_hours_per_month: 10, gpu_hours_per_month: 0}
disk: {scratch_gib: 1}
"""


@pytest.fixture
def file(tiny: Path) -> Path:
    (tiny / "params/clusters").mkdir()
    path = tiny / "params/clusters/mine.yaml"
    path.write_text(FILE)
    return path


def test_a_cluster_with_a_file_is_a_cluster(file, command):
    assert command("tiny", "--cluster", "mine", "--dry-run").code == 0


def test_an_unknown_one_is_told_with_those_that_there_are(file, command):
    said = command("tiny", "--cluster", "mein")
    assert said.code == 2
    assert "allowed: inline, local, mine, or an address" in said.err and "did you mean `mine`?" in said.err


def test_a_wrong_file_is_told_once_with_its_line(file, command):
    file.write_text(FILE.replace("cores: 4", "coers: 4"))
    said = command("tiny", "--cluster", "mine", "--device", "cuda")
    assert said.code == 2
    assert said.err.count("params/clusters/mine.yaml:4: `workers.cpu.coers`: unknown setting") == 1
    assert "`workers.cpu.cores`: missing" in said.err


def test_cuda_without_gpu_workers_is_refused_before_any_work(file, command):
    said = command("tiny", "--cluster", "mine", "--device", "cuda")
    assert said.code == 2
    assert "cluster 'mine' has no GPU workers" in said.err
    assert not (file.parents[2] / "build/store").exists()
