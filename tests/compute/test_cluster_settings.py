import shutil
from pathlib import Path

import pytest
import yaml

from companion.compute.cluster_settings import cluster_names, read_cluster
from companion.settings.problems import SettingsError

_FILES = Path(__file__).parents[2] / "params" / "clusters"


@pytest.fixture
def files(project: Path) -> Path:
    """A project with the repository's own cluster files."""
    return Path(shutil.copytree(_FILES, project / "params" / "clusters"))


def test_the_clusters_of_the_project_are_read(files):
    assert cluster_names() == ["alvis", "arrhenius", "sandbox", "tetralith"]
    clusters = {name: read_cluster(name) for name in cluster_names()}
    assert {name for name, cluster in clusters.items() if cluster.workers.gpu is None} == {"tetralith"}
    assert sum(clusters[name].allocation.gpu_hours_per_month for name in ("alvis", "tetralith")) == 8000
    assert not clusters["sandbox"].needs_account


@pytest.mark.parametrize("path", sorted(_FILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_other_yaml_readers_see_the_same_wall_times(path):
    job = yaml.safe_load(path.read_text())["driver"]
    assert isinstance(job["walltime"], str)


def test_an_unknown_cluster_is_refused_with_the_nearest_name(files):
    with pytest.raises(SettingsError, match=r"did you mean `tetralith`") as caught:
        read_cluster("tetralit")
    assert "given tetralit; allowed: alvis, arrhenius, sandbox, tetralith" in str(caught.value)
