"""``run_all.py --list``: what there is, at which profiles, and what is up to date."""

import json
from collections.abc import Sequence

from companion.run.choose import Wishes, choose, find_notebooks, params_folder
from companion.run.conduct import console
from companion.run.plan import make_plan
from companion.run.report import line
from companion.run.verdicts import counted
from companion.session.current import figures_folder
from companion.settings.problems import SettingsError, listed
from companion.settings.profiles import list_profiles


def print_list(names: Sequence[str], profile: str) -> None:
    """Each notebook with its title, profiles, figures, verdicts at ``profile`` and whether it is up to date.

    Raises SettingsError where a notebook cannot be read.
    """
    out = console()
    verdicts = _tracked_verdicts(profile)
    for notebook in find_notebooks(names):
        profiles = list_profiles(notebook.name, params_folder())
        line(out, f"{notebook.name} · {notebook.title}")
        line(
            out, f"    profiles: {listed(profiles)}; at {profile}: {_state(notebook.name, profile, profiles)}"
        )
        for figure in notebook.figure_ids:
            drawn = "" if (figures_folder(profile) / f"{figure}.png").exists() else "  (not drawn yet)"
            line(out, f"    figure {figure}{drawn}")
        of_notebook = {
            name: entry for name, entry in verdicts.items() if entry.get("notebook") == notebook.name
        }
        for name, entry in sorted(of_notebook.items()):
            line(out, f"    claim {name}: {entry.get('verdict')} {entry.get('value_text', '')}".rstrip())
        if of_notebook:
            line(out, f"    verdicts: {counted(of_notebook.values())}")


def _state(name: str, profile: str, profiles: Sequence[str]) -> str:
    if profile not in profiles:
        return "no such profile"
    try:
        steps = make_plan(choose(Wishes([name], profile)).requests)
    except SettingsError as error:
        return f"would not run: {str(error.problems[0]).splitlines()[0]}"
    return "up to date" if steps[0].hit else f"would run ({steps[0].reasons[0]})"


def _tracked_verdicts(profile: str) -> dict[str, dict[str, object]]:
    try:
        return json.loads((figures_folder(profile) / "claims.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
