"""The clusters that this project knows: files in params/clusters, and what the environment changes in them."""

import os
from pathlib import Path

from companion.session.root import project_root
from companion.settings.cluster_file import ClusterSettings, cluster_files, read_cluster_file
from companion.settings.problems import Problem, SettingsError, did_you_mean, listed

#: Names the project to charge, over the account in the file: accounts differ from user to user.
ACCOUNT_VARIABLE = "COMPANION_ACCOUNT"


def cluster_names() -> list[str]:
    """Names of the clusters that have a file."""
    return list(cluster_files(_params_folder()))


def read_cluster(name: str) -> ClusterSettings:
    """Settings of the cluster called ``name``, with the account of ``COMPANION_ACCOUNT`` where it is set.

    Raises SettingsError, with file, setting, what was given and what is allowed, for a name without a
    file and for everything wrong in it.
    """
    files = cluster_files(_params_folder())
    if name not in files:
        hint = did_you_mean(name, files)
        raise SettingsError(
            [Problem("params/clusters", None, None, "no such cluster", name, listed(list(files)), hint)]
        )
    settings = read_cluster_file(files[name])
    account = os.environ.get(ACCOUNT_VARIABLE)
    return settings.model_copy(update={"account": account}) if account else settings


def _params_folder() -> Path:
    return project_root() / "params"
