"""What the notebooks on curricula ask of their studies: roots of seeds, and the settings that claims promise."""

import inspect

import pytest

from companion.claims import curriculum_delay, curriculum_imbalance, curriculum_order, curriculum_spectrum
from companion.claims.curriculum_settings import OPERATIONS, PARITY, unregistered
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.session.root import project_root
from companion.settings.notebook import read_notebook
from companion.settings.profiles import resolve_parameters
from companion.studies.curriculum_runs import recorded_settings

NOTEBOOKS = ("e4_curricula", "e4_generalisation", "e4_mixtures")
PROFILES = ("smoke", "laptop", "night", "paper")
#: Rooms whose functions take what studies return.
AFTER_STUDIES = ("companion.claims.", "companion.explore.", "companion.figures.")
#: The smallest profile at which a claim is decided from a study; what shares its networks goes with it.
DECIDED = {
    "generalisation_delay": "laptop",
    "spectral_progress": "laptop",
    "exposure_imbalance": "laptop",
    "partner_compatibility": "night",
    "operation_sharing": "night",
    "schedule_comparison": "night",
    "parity_curriculum": "night",
}


def nothing(*_, **__):
    return None


@pytest.fixture
def asked(monkeypatch):
    """Arguments of every study that a profile's notebooks call, by the study's name; nothing is computed."""
    monkeypatch.setattr("companion.session.here", nothing)

    def run(profile):
        found = {}

        def noted(study):
            def call(*given, **named):
                found[study.__name__] = inspect.signature(study.function).bind(*given, **named).arguments

            return call

        def silenced(module):
            for name, value in list(vars(module).items()):
                own = inspect.isfunction(value) and value.__module__ == module.__name__
                if module.__name__.startswith("companion.studies.") and hasattr(value, "function"):
                    monkeypatch.setattr(module, name, noted(value))
                elif own and module.__name__.startswith(AFTER_STUDIES):
                    monkeypatch.setattr(module, name, nothing)

        for name in NOTEBOOKS:
            notebook = read_notebook(project_root() / "notebooks" / f"{name}.py")
            values = resolve_parameters(notebook, profile, params_folder=project_root() / "params").values
            namespace = {}
            for cell in notebook.cells:
                if cell.kind != "code":
                    continue
                exec(cell.source, namespace)
                if "parameters" in cell.tags:
                    for module in filter(inspect.ismodule, list(namespace.values())):
                        silenced(module)
                    namespace |= values | dict.fromkeys(("save", "record", "table"), nothing)
        return found

    return run


@pytest.mark.parametrize("profile", PROFILES)
def test_the_confirmatory_root_is_kept_for_what_decides(asked, profile):
    found = asked(profile)
    assert set(DECIDED) < set(found)
    place = PROFILES.index(profile)
    for study, arguments in found.items():
        judged = study in DECIDED and place >= PROFILES.index(DECIDED[study])
        assert (arguments["seed"] == CONFIRMATORY_ROOT) == judged, study


@pytest.mark.parametrize("profile", ["laptop", "night"])
def test_deciding_profiles_have_the_registered_settings(asked, profile):
    found = asked(profile)
    specs = {name: found[name]["spec"] for name in DECIDED}
    rare = found["exposure_imbalance"]
    width, rate = rare["widths"][0], rare["rates"][0]
    specs["exposure_imbalance"] = rare["spec"].changed(width=width, hidden=4 * width, learning_rate=rate)
    registered = {
        "generalisation_delay": curriculum_delay.SHARED,
        "spectral_progress": {
            name: value
            for name, value in curriculum_spectrum.SHARED.items()
            if name not in ("key_count", "least_rise")
        },
        "exposure_imbalance": curriculum_imbalance.SHARED,
        "partner_compatibility": OPERATIONS | {"batch": 256},
        "operation_sharing": OPERATIONS | {"batch": 256},
        "schedule_comparison": curriculum_order.SHARED,
    }
    for name, settings in registered.items():
        spec = specs[name]
        given = recorded_settings(spec) | {"steps": spec.steps, "fractions": spec.tasks.fractions}
        assert unregistered(given, settings) == "", name
    parity = specs["parity_curriculum"]
    recorded = {name: getattr(parity, name) for name in PARITY if name != "threshold"}
    assert unregistered(recorded | {"threshold": PARITY["threshold"]}, PARITY) == ""


def test_figures_that_share_networks_ask_for_the_same_ones(asked):
    found = asked("laptop")
    assert found["generalisation_delay"]["spec"] == found["spectral_progress"]["spec"]
    inside, beside = found["operation_sharing"], found["partner_compatibility"]
    assert inside["spec"] == beside["spec"].changed(steps=beside["budgets"][0])
    for name in ("replicates", "seed", "block"):
        assert inside[name] == beside[name]
