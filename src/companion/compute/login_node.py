"""What must be at hand where jobs are submitted from; told all at once, before anything is."""

import importlib.util
import os
import shutil

from companion.compute.cluster_settings import ACCOUNT_VARIABLE
from companion.compute.slurm_jobs import PYTHON_VARIABLE
from companion.settings.cluster_file import ClusterSettings
from companion.settings.problems import Problem, SettingsError


def check_login_node(settings: ClusterSettings) -> None:
    """Raise SettingsError where no job of this cluster can be submitted from here, with all that is missing."""
    file, place = f"params/clusters/{settings.name}.yaml", f"--cluster {settings.name}"
    problems = []
    if settings.needs_account and not settings.account:
        message = f"{settings.name} runs no job without an account"
        allowed = f"the name of your project there, or {ACCOUNT_VARIABLE}=NAME in the environment"
        problems.append(Problem(file, None, "account", message, None, allowed))
    if shutil.which("sbatch") is None:
        allowed = f"a login node of {settings.name}; or --cluster local"
        problems.append(Problem(place, None, None, "sbatch is not on this machine", None, allowed))
    # Of another Python, which only jobs may know, nothing is known here.
    if importlib.util.find_spec("dask_jobqueue") is None and PYTHON_VARIABLE not in os.environ:
        allowed = "pip install 'companion[slurm]'"
        problems.append(Problem(place, None, None, "dask-jobqueue is not installed here", None, allowed))
    if problems:
        raise SettingsError(problems)
