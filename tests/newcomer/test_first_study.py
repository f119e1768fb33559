"""README's five steps to a study of one's own work as written, and what they make passes the house's checks."""

import json

import pytest

from real_runs import without_times

pytestmark = pytest.mark.newcomer

NAME, OWN = "noisy_teacher", "noisy_teacher_own"
FIGURE, CLAIM = "noisyteacher_f1_learning_curves", "noisyteacher_c1_follows_theory"
MODULES = [f"src/companion/{room}/{NAME}.py" for room in ("studies", "figures", "claims", "explore")]
TESTED = " ".join(
    [
        "tests/test_house.py",
        *(f"tests/notebooks/test_{each}.py" for each in ("notebooks", "rehearsal", "foreseen_keys")),
        "tests/settings/test_params_files.py",
        "tests/test_readme.py",
        "own",
    ]
)


def verdict(folder):
    return json.loads((folder / "claims.json").read_text(encoding="utf-8"))[CLAIM]["verdict"]


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")  # where workers steal tests from each other, a module may be entered twice
def written(clone, steps):
    """The clone after README's first step, and the other four; beside its study one outside the package."""
    first, *others = steps("Adding a study")
    said = clone.run(first)
    assert said.code == 0, said.out
    assert all(f"wrote {module}\n" in said.out for module in MODULES)
    said = clone.run(f"python run_all.py new-study {OWN} --own")
    assert said.code == 0, said.out
    return clone, others


def test_the_five_steps_of_readme(written):
    clone, (run, changed, marks, checked) = written
    said = clone.run(run)
    assert said.code == 0, said.out
    assert f"{CLAIM}  inconclusive" in said.out
    tracked = clone.root / "figures/smoke"
    assert {path.suffix for path in tracked.glob(f"{FIGURE}.*")} == {".pdf", ".png", ".csv", ".json"}
    assert verdict(tracked) == "inconclusive"
    assert FIGURE in (clone.root / "build/site/index.html").read_text(encoding="utf-8")

    said = clone.run(changed)
    assert said.code == 0, said.out
    assert "parameter dimension: 100 → 400" in said.out
    assert verdict(clone.root / "build/overridden/smoke") == "holds"
    assert verdict(tracked) == "inconclusive"

    said = clone.run(marks)
    assert {line.partition(":")[0] for line in said.out.splitlines()} == {
        *MODULES,
        f"notebooks/{NAME}.py",
        f"tests/studies/test_{NAME}.py",
    }
    edit(clone.root / MODULES[1], '"vermilion"', '"plum"')
    assert (
        without_times(clone.run(f"{run} --dry-run").out)
        == f"{NAME}: run\n    code of companion.figures.{NAME} changed\n"
    )

    said = clone.run(checked)
    assert said.code == 0, said.out


def test_a_study_outside_the_package_runs_and_is_fingerprinted(written):
    clone, _ = written
    run = f"python run_all.py {OWN} --profile smoke"
    said = clone.run(run)
    assert said.code == 0 and "1 inconclusive" in said.out, said.out
    edit(clone.root / f"own/{OWN}/study.py", ".T / 2\n", ".T * 0.5\n")
    assert (
        without_times(clone.run(f"{run} --dry-run").out)
        == f"{OWN}: run\n    code of own.{OWN}.study changed\n"
    )


@pytest.mark.parametrize(
    "check",
    [
        "ruff check --no-cache .",
        "ruff format --check --no-cache .",
        f"pyright {' '.join(MODULES)}",
        "lint-imports --no-cache",
        f"python -m pytest -q -k '{NAME} or house' {TESTED}",
    ],
    ids=lambda check: check.split()[0],
)
def test_both_pass_what_every_change_must_pass(written, check):
    clone, _ = written
    said = clone.run(check)
    assert said.code == 0, said.out
