"""Criteria under version control."""

import subprocess

from companion.site.tracked import tracked_claims


def commit_everything(folder):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True)


def test_the_committed_entries_are_read_not_the_present_ones(small_project):
    small_project.claims(p1_c1_minima=small_project.claim(digest="old"))
    commit_everything(small_project.root)
    small_project.claims(p1_c1_minima=small_project.claim(digest="new"))
    found = tracked_claims(small_project.root, ["laptop", "smoke"])
    assert list(found) == ["laptop"]
    assert found["laptop"]["p1_c1_minima"].digest == "old"


def test_a_project_inside_a_larger_repository_works_too(small_project):
    small_project.write(
        "inside/figures/laptop/claims.json", {"p1_c1_minima": small_project.claim(digest="old")}
    )
    commit_everything(small_project.root)
    assert tracked_claims(small_project.root / "inside", ["laptop"])["laptop"]["p1_c1_minima"].digest == "old"


def test_without_version_control_nothing_is_tracked(small_project, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(small_project.root.parent))
    small_project.claims(p1_c1_minima=small_project.claim())
    assert tracked_claims(small_project.root, ["laptop"]) == {}


def test_without_git_nothing_is_tracked(small_project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert tracked_claims(small_project.root, ["laptop"]) == {}
