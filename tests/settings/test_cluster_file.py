from pathlib import Path

import pytest

from companion.settings.cluster_file import cluster_files, read_cluster_file
from companion.settings.problems import SettingsError

RIGHT = """\
description: two cores and a GPU
scheduler: slurm
signal_seconds: 60
driver: {cores: 1, memory_gib: 2, walltime: "100:00"}
workers:
  cpu: {cores: 4, memory_gib: 8, walltime: "1:30", maximum_jobs: 3, extra: ["-C thin"]}
  gpu: {cores: 8, memory_gib: 32, walltime: "24:00", maximum_jobs: 1, gpu_type: A100, gpus: 2}
allocation: {core_hours_per_month: 10, gpu_hours_per_month: 20}
disk: {scratch_gib: 1}
"""


def written(folder: Path, text: str, name: str = "mine") -> Path:
    (folder / "clusters").mkdir(exist_ok=True)
    path = folder / "clusters" / f"{name}.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, name: str = "mine") -> str:
    with pytest.raises(SettingsError) as caught:
        read_cluster_file(written(folder, text, name))
    return str(caught.value)


def test_a_right_file_has_all_that_jobs_need(tmp_path):
    settings = read_cluster_file(written(tmp_path, RIGHT))
    assert settings.name == "mine"
    assert settings.account is None and not settings.needs_account
    assert settings.driver.walltime_seconds == 360_000
    assert settings.workers.cpu.extra == ("-C thin",)
    assert settings.workers.cpu.minimum_jobs == 0
    assert settings.workers.cpu.workers == 4  # one for each core
    assert settings.workers.gpu is not None and settings.workers.gpu.workers == 2  # one for each GPU
    assert list(cluster_files(tmp_path)) == ["mine"]


def test_a_cluster_may_have_no_gpus(tmp_path):
    lines = [line for line in RIGHT.splitlines() if "gpu_type" not in line]
    assert read_cluster_file(written(tmp_path, "\n".join(lines))).workers.gpu is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "maximum_jobs: 3",
            "maximal_jobs: 3",
            ":5: `workers.cpu.maximal_jobs`: unknown setting (did you mean",
        ),
        ("gpu_type: A100, ", "", "`workers.gpu.gpu_type`: missing\n      allowed: text, not empty"),
        (
            "scheduler: slurm",
            "scheduler: pbs",
            ":2: `scheduler`: not one of the choices\n      given 'pbs'; allowed: slurm",
        ),
        (
            "cores: 4",
            "cores: four",
            "`workers.cpu.cores`: wrong type\n      given 'four'; allowed: a whole number >= 1",
        ),
        (
            '"1:30"',
            "90",
            "`workers.cpu.walltime`: wrong type\n      given 90; allowed: hours and minutes in quotes",
        ),
        ('"1:30"', '"1:75"', "`workers.cpu.walltime`: not in the right form\n      given '1:75'"),
        (
            '"1:30"',
            '"0:01"',
            "`signal_seconds`: out of range\n      given 60; allowed: less than the 60 s of workers.cpu",
        ),
        ("maximum_jobs: 1", "maximum_jobs: 1, minimum_jobs: 2", "`workers.gpu.minimum_jobs`: out of range"),
        (
            '["-C thin"]',
            '"-C thin"',
            "`workers.cpu.extra`: wrong type\n      given '-C thin'; allowed: a list of texts",
        ),
        ("disk: {scratch_gib: 1}", "name: other\ndisk: {scratch_gib: 1}", "`name`: unknown setting"),
        ("disk: {", "disk: {{", "not valid YAML"),
        ("description: two cores and a GPU\n", "", "mine.yaml: `description`: missing"),
    ],
)
def test_what_is_wrong_is_said_with_place_and_remedy(tmp_path, old, new, said):
    assert old in RIGHT
    assert said in problems(tmp_path, RIGHT.replace(old, new))


def test_everything_wrong_is_said_at_once(tmp_path):
    text = problems(tmp_path, RIGHT.replace("cores: 1", "cores: 0").replace("scratch_gib", "scratch_gb"))
    assert text.count("\n\n") == 2  # out of range, missing, unknown


def test_a_cluster_has_a_name_that_an_option_can_give(tmp_path):
    assert "not a name for a cluster\n      given My Cluster" in problems(tmp_path, RIGHT, "My Cluster")
