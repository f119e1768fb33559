"""What version control holds."""

import subprocess

from companion.site.inventory import take_inventory
from companion.site.tracked import read_tracked


def commit_everything(folder):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True)


def tracked_at(root):
    return read_tracked(root, take_inventory(root))


def test_the_committed_entries_are_read_not_the_present_ones(small_project):
    small_project.figure(caption="before")
    small_project.figure("p1_f2_other")
    small_project.claims(p1_c1_minima=small_project.claim(digest="old"))
    commit_everything(small_project.root)
    small_project.figure(caption="after")
    small_project.claims(p1_c1_minima=small_project.claim(digest="new"))
    small_project.claims("smoke", p1_c1_minima=small_project.claim())
    found = tracked_at(small_project.root)
    assert found.known
    assert list(found.claims) == ["laptop"]
    assert found.claims["laptop"]["p1_c1_minima"].digest == "old"
    assert found.figures["laptop", "p1_f1_losses"].caption == "before"
    assert found.figures["laptop", "p1_f2_other"].title == "Losses at $K = 10$"


def test_a_picture_that_differs_is_told_from_one_that_does_not(small_project):
    for name in ("p1_f1_losses", "p1_f2_other"):
        small_project.figure(name)
    commit_everything(small_project.root)
    small_project.write("figures/laptop/p1_f1_losses.png", b"another picture")
    inventory = take_inventory(small_project.root)
    same = [read_tracked(small_project.root, inventory).same_picture(figure) for figure in inventory.figures]
    assert same == [False, True]


def test_what_is_not_committed_is_not_tracked(small_project):
    small_project.figure()
    commit_everything(small_project.root)
    small_project.figure("p1_f2_new")
    small_project.claims(p1_c1_minima=small_project.claim())
    found = tracked_at(small_project.root)
    assert list(found.figures) == [("laptop", "p1_f1_losses")]
    assert found.claims == {}


def test_committed_files_that_cannot_be_read_are_left_out(small_project):
    small_project.figure()
    small_project.write("figures/laptop/claims.json", "{")
    small_project.write("figures/laptop/p1_f1_losses.json", "{")
    commit_everything(small_project.root)
    small_project.figure()
    small_project.claims(p1_c1_minima=small_project.claim())
    found = tracked_at(small_project.root)
    assert found.figures == {}
    assert found.claims == {"laptop": {}}


def test_a_project_inside_a_larger_repository_works_too(small_project):
    inside = {"p1_c1_minima": small_project.claim(digest="old")}
    small_project.write("inside/figures/laptop/claims.json", inside)
    commit_everything(small_project.root)
    inside["p1_c1_minima"]["digest"] = "new"
    small_project.write("inside/figures/laptop/claims.json", inside)
    found = tracked_at(small_project.root / "inside")
    assert found.claims["laptop"]["p1_c1_minima"].digest == "old"


def test_without_version_control_nothing_is_known(small_project, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(small_project.root.parent))
    small_project.claims(p1_c1_minima=small_project.claim())
    assert not tracked_at(small_project.root).known


def test_without_git_nothing_is_known(small_project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not tracked_at(small_project.root).known
