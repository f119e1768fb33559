"""What two names mean to --compare, and what is said where they mean nothing, or too much."""

import json
import subprocess
from pathlib import Path

import pytest

from companion.run.differences import read_claims
from companion.run.sides import Side, sides
from companion.settings.problems import SettingsError


def draw(folder: Path, value: float = 1.5) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny_f1_powers.csv").write_text(f"number,power\n1,{value}\n")
    (folder / "tiny_f1_powers.json").write_text("{}")
    (folder / "claims.json").write_text(json.dumps({"tiny_c1_grows": {"verdict": "holds"}}))
    return folder


def result(store: Path, device: str = "cpu") -> Path:
    folder = store / "tiny.powers" / "ab12"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"device": device}))
    return store


@pytest.fixture
def drawn(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with figures of two profiles, in its own folder."""
    draw(project / "figures/laptop")
    draw(project / "figures/night", 2.5)
    monkeypatch.chdir(project)
    return project


def git(folder: Path, *arguments: str) -> None:
    said = ("git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e", *arguments)
    subprocess.run(said, check=True, capture_output=True)


@pytest.fixture
def committed(drawn: Path) -> Path:
    """The same under version control: a commit, tagged "first", then one with another power and no night."""
    git(drawn, "init", "-q")
    git(drawn, "add", ".")
    git(drawn, "commit", "-qm", "one")
    git(drawn, "tag", "first")
    draw(drawn / "figures/laptop", 9.5)
    git(drawn, "rm", "-rq", "figures/night")
    git(drawn, "commit", "-qam", "two")
    draw(drawn / "figures/night", 2.5)
    return drawn


def found(a: str, b: str, profile: str = "laptop") -> tuple[Side, Side]:
    with sides(a, b, profile) as both:
        return both


def refused(a: str, b: str = "laptop", profile: str = "laptop") -> str:
    with pytest.raises(SettingsError) as error, sides(a, b, profile):
        pass
    return str(error.value)


def test_profiles_are_folders_of_figures(drawn):
    a, b = found("laptop", "night")
    assert (a.figures, a.about) == (drawn / "figures/laptop", "profile laptop")
    assert (b.name, b.figures) == ("night", drawn / "figures/night")


def test_other_folders_are_checkouts_or_hold_figures_themselves(drawn, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    draw(other / "figures/laptop")
    draw(other / "figures/paper")
    assert found(str(other), "laptop")[0].figures == other / "figures/laptop"
    assert found(f"{other}:paper", "laptop")[0].figures == other / "figures/paper"
    assert found(str(other), "laptop", profile="paper")[0].figures == other / "figures/paper"
    assert found(str(other / "figures/paper"), "laptop")[0].figures == other / "figures/paper"
    assert found("figures/night", "laptop")[0].figures == drawn / "figures/night"


def test_an_unpacked_bundle_has_its_verdicts_beside_its_figures(drawn, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("bundle")
    (draw(bundle / "figures") / "claims.json").rename(bundle / "claims.json")
    (bundle / "provenance.json").write_text("{}")
    side = found("laptop", str(bundle))[1]
    assert (side.figures, side.about) == (bundle / "figures", f"bundle {bundle}")
    assert set(read_claims(bundle / "figures")) == {"tiny_c1_grows"}
    (bundle / "deposit.tar.gz").touch()
    assert "an archive is compared when it is unpacked" in refused(str(bundle / "deposit.tar.gz"))


def test_commits_are_read_without_touching_the_working_tree(committed):
    with sides("first", "HEAD", "laptop") as (a, b):
        powers = [(side.figures / "tiny_f1_powers.csv").read_text().split(",")[-1] for side in (a, b)]
        assert powers == ["1.5\n", "9.5\n"]
        assert a.figures and not a.figures.is_relative_to(committed)
        assert a.about.startswith("commit ") and a.about.endswith(", profile laptop")
    assert not a.figures.exists()
    with sides("first:night", "HEAD~1:night", "laptop") as (a, b):
        assert a.figures and (a.figures / "claims.json").is_file() and a.commit == b.commit


def test_devices_have_figures_and_results(drawn):
    cpu, cuda = found("cpu", "cuda")
    assert (cpu.figures, cpu.device) == (drawn / "figures/laptop", "cpu")
    assert (cuda.figures, cuda.device, cuda.stores) == (None, "cuda", cpu.stores)
    draw(drawn / "figures/gpu")
    assert found("cpu", "cuda")[1].figures == drawn / "figures/gpu"


def test_stores_are_folders_of_results_and_one_is_compared_with_its_past(drawn):
    store, other = result(drawn / "build/store"), result(drawn / "other")
    a, b = found("store", str(other))
    assert (a.stores, b.stores, a.before, b.before) == ((store,), (other,), False, False)
    a, b = found("store", "store")
    assert a.before and not b.before and "the version before the newest" in a.about
    assert (a.name, b.name) == ("A", "B")


def test_unknown_names_are_told_with_what_is_allowed_and_the_nearest(committed):
    said = refused("nigth", "frist")
    assert "names nothing (did you mean `night`?)" in said and "(did you mean `first`?)" in said
    assert "given nigth; allowed: a profile with figures (laptop, night); cpu or cuda; store" in said
    assert "names no commit" in refused("commit:nigth")
    assert "no figures of profile nigt are tracked there (did you mean `night`?)" in refused("first:nigt")
    assert "given first:nigt; allowed: first:laptop, first:night" in refused("first:nigt")
    assert "given HEAD; allowed: HEAD:laptop" in refused("HEAD", profile="night")
    assert "no figures of profile nigh there" in refused(f"{committed}:nigh")
    assert "names nothing" in refused("--help") and "names nothing" in refused("")


def test_ambiguous_names_are_settled_by_their_kind(committed):
    git(committed, "tag", "night", "first")
    said = refused("night")
    assert "ambiguous: it names a profile and a commit" in said
    assert "given night; allowed: profile:night or commit:night" in said
    assert found("profile:night", "laptop")[0].commit is None
    assert found("commit:night", "laptop")[0].commit is not None


def test_sides_without_anything_in_common_are_refused(drawn):
    result(drawn / "build/store")
    said = refused("laptop", "store")
    assert (
        "nothing of one can be compared with the other" in said
        and "given profile laptop; store build/store" in said
    )
