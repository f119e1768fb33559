from pathlib import Path

import pytest

from companion.run import gallery
from companion.site import build


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every building of the site from now on."""
    built: list[Path] = []
    whole = build.build_site
    monkeypatch.setattr(build, "build_site", lambda root: built.append(root) or whole(root))
    return built


def test_an_unchanged_gallery_stands(ran: Path, builds):
    assert gallery.refresh() == ran / "build/site/index.html"
    assert builds == []


@pytest.mark.parametrize(
    "changed",
    [
        "figures/laptop/tiny_f1_powers.csv",
        "build/runs/laptop/tiny.ipynb",
        "build/runs/laptop/tiny.record.json",
    ],
)
def test_whatever_it_shows_builds_it_again(ran: Path, builds, changed: str):
    gallery.refresh()
    builds.clear()
    (ran / changed).write_bytes((ran / changed).read_bytes() + b"\n")
    gallery.refresh()
    assert builds == [ran]


def test_times_of_a_run_with_nothing_to_do_do_not(ran: Path, builds):
    gallery.refresh()
    builds.clear()
    summary = ran / "build/runs/laptop/summary.json"
    summary.write_text(summary.read_text().replace('"seconds": ', '"seconds": 1'))
    gallery.refresh()
    assert builds == []


def test_a_missing_page_builds_it_again(ran: Path, builds):
    gallery.refresh()
    builds.clear()
    (ran / "build/site/index.html").unlink()
    assert gallery.refresh().exists() and builds == [ran]
