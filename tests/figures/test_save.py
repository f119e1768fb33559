"""Saved figures: four whole files, the same in every process, and never from unsaved numbers."""

import base64
import json
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import xarray as xr

from companion.figures import save as saving
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, theory_line
from companion.figures.save import save
from companion.figures.style import figure, styled
from companion.session import current as session_current
from companion.session.current import Session
from companion.store.content import dataset_digest

SUFFIXES = (".pdf", ".png", ".csv", ".json")


def stored(**attributes):
    """A dataset as the store hands it out."""
    losses = np.random.default_rng(0).random((4, 8))
    given = {"companion_key": "k" * 40, "companion_function": "relu_landscape.basin_census"}
    return xr.Dataset({"loss": (("step", "seed"), losses)}, {"step": [1, 2, 3, 4]}, given | attributes)


@styled()
def drawn(width="column"):
    data = stored()
    page, panels = figure(width, ncols=2)
    letter_panels(panels)
    theory_line(panels[0], data.step, data.loss.mean("seed"), label=r"theory $\lambda_{\min}$")
    points_over_seeds(panels[0], data.step, data.loss, color="C1")
    guide(panels[0], y=0.5, text="$K = 10$")
    panels[0].legend()
    image = panels[1].pcolormesh(data.loss)
    page.colorbar(image, ax=panels[1], label="loss $L$")
    return page


WORDS = {"title": "Loss against $t$", "caption": "What it shows."}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_FIGURES", str(tmp_path / "figures"))
    monkeypatch.setattr(session_current, "_current", None)
    return tmp_path / "figures"


def contents(folder, id="p1_f1_loss"):
    return {suffix: (folder / f"{id}{suffix}").read_bytes() for suffix in SUFFIXES}


def test_four_files_and_nothing_else(folder):
    saved = save("p1_f1_loss", drawn(), stored(), **WORDS)
    assert {path.name for path in folder.iterdir()} == {f"p1_f1_loss{suffix}" for suffix in SUFFIXES}
    assert saved.path(".csv").read_text().splitlines()[0] == "step,seed,loss"
    assert saved.path(".pdf").read_bytes().startswith(b"%PDF")


def test_pictures_carry_no_time_and_no_version(folder):
    files = contents_of_new(folder)
    for word in (b"CreationDate", b"Producer", b"Creator", b"atplotlib v"):
        assert word not in files[".pdf"]
    assert b"Software" not in files[".png"]
    assert b"/Title (Loss against $t$)" in files[".pdf"]
    assert b"Type3" not in files[".pdf"].replace(b" ", b"")


def contents_of_new(folder):
    save("p1_f1_loss", drawn(), stored(), **WORDS)
    return contents(folder)


def test_the_description_holds_what_repeats(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_EVENTS", str(tmp_path / "events.jsonl"))
    parameters = {"profile": "smoke", "seed": 3, "device": "auto", "cluster": "local", "times": (1.0, np.inf)}
    monkeypatch.setattr(
        session_current,
        "_current",
        Session("p1_relu_landscape", parameters, "cuda", "tcp://host", {"z": "f"}),
    )
    other = stored(companion_key="a" * 40)
    save(
        "p1_f1_loss",
        drawn(),
        stored(),
        **WORDS,
        equation=r"L = \tfrac12 x^2",
        claims=["p1_c1_discrete_minima"],
        sources=[other],
    )
    assert json.loads((folder / "p1_f1_loss.json").read_text()) == {
        "id": "p1_f1_loss",
        "title": "Loss against $t$",
        "caption": "What it shows.",
        "equation": r"L = \tfrac12 x^2",
        "claims": ["p1_c1_discrete_minima"],
        "notebook": "p1_relu_landscape",
        "profile": "smoke",
        "parameters": {"profile": "smoke", "seed": 3, "times": [1.0, "inf"]},
        "data_key": "k" * 40,
        "data_function": "relu_landscape.basin_census",
        "data_digest": dataset_digest(stored()),
        "keys": ["a" * 40, "k" * 40],
        "seed": 3,
        "device": "cuda",
    }
    (event,) = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (event["kind"], event["id"]) == ("figure", "p1_f1_loss")


def test_without_a_session_the_profile_is_laptop(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_FIGURES", raising=False)
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    monkeypatch.setattr(session_current, "_current", None)
    saved = save("p1_f1_loss", drawn(), stored(), **WORDS)
    assert saved.folder == tmp_path / "figures" / "laptop"
    assert json.loads(saved.path(".json").read_text())["parameters"] == {}


def test_unsaved_numbers_are_refused(folder):
    unsaved = stored()
    unsaved.attrs.clear()
    with pytest.raises(ValueError, match="no figure is drawn from unsaved numbers"):
        save("p1_f1_loss", drawn(), unsaved, **WORDS)
    with pytest.raises(ValueError, match="no figure is drawn from unsaved numbers"):
        save("p1_f1_loss", drawn(), stored(), **WORDS, sources=[unsaved])
    assert not folder.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "loss histogram"}, "id: 'loss histogram' given"),
        ({"title": ""}, "title '' given"),
        ({"caption": " "}, "caption ' ' given"),
    ],
)
def test_a_figure_without_name_title_or_caption_is_refused(folder, change, message):
    named = {"id": "p1_f1_loss"} | WORDS | change
    with pytest.raises(ValueError, match=message):
        save(named.pop("id"), drawn(), stored(), **named)
    assert not folder.exists()


def test_saving_leaves_settings_and_layout_alone(folder):
    page, before = drawn(), dict(matplotlib.rcParams)
    engine = page.get_layout_engine()
    save("p1_f1_loss", page, stored(), **WORDS)
    assert dict(matplotlib.rcParams) == before
    assert page.get_layout_engine() is engine


@pytest.mark.parametrize(("width", "pixels"), [("column", 975), ("text", 1485)])
def test_pictures_are_sharp_and_light(folder, width, pixels):
    saved = save("p1_f1_loss", drawn(width), stored(), **WORDS)
    picture = saved.path(".png").read_bytes()
    assert int.from_bytes(picture[16:20], "big") == pixels
    assert len(picture) < saving.LARGEST_PNG


def test_a_heavy_picture_is_drawn_coarser(folder, monkeypatch):
    page = drawn()
    fine = save("p1_f1_loss", page, stored(), **WORDS).path(".png").read_bytes()
    monkeypatch.setattr(saving, "LARGEST_PNG", len(fine))
    coarse = save("p1_f1_loss", page, stored(), **WORDS).path(".png").read_bytes()
    assert len(coarse) < len(fine)
    assert int.from_bytes(coarse[16:20], "big") == 780
    monkeypatch.setattr(saving, "LARGEST_PNG", 1)
    coarsest = save("p1_f1_loss", page, stored(), **WORDS).path(".png").read_bytes()
    assert int.from_bytes(coarsest[16:20], "big") == 390
    assert coarsest[25] == 3  # colours of a palette
    monkeypatch.setattr(saving, "LARGEST_PNG", len(coarsest) + 1)
    assert save("p1_f1_loss", page, stored(), **WORDS).path(".png").read_bytes() == coarsest


@described(title="Loss", caption="What it shows.")
def described_drawing(data):
    """A curve, and words that need a wider page than any column."""
    page, axes = figure("text", height=2.0)
    theory_line(axes, data.step, data.loss.mean("seed"))
    axes.text(0.0, 0.5, "words" * 16, transform=axes.transAxes).set_in_layout(False)
    return page


def test_another_width_redraws_and_says_how_it_reads_there(folder, monkeypatch):
    monkeypatch.setenv("COMPANION_FIGURE_WIDTH", "3.25")
    saved = save("p1_f1_loss", described_drawing, stored())
    on_page = json.loads(saved.path(".json").read_text())["page"]
    assert on_page["width"] == 3.25 and on_page["flaws"] == [f"{'words' * 16!r} leaves the page"]
    assert 3.25 < on_page["readable_from"] < 6.75
    assert b"/MediaBox [ 0 0 234 " in saved.path(".pdf").read_bytes()


def test_the_own_width_says_nothing_and_changes_no_byte(folder, monkeypatch):
    save("p1_f1_loss", described_drawing, stored())
    before = contents(folder)
    assert "page" not in json.loads(before[".json"])
    monkeypatch.setenv("COMPANION_FIGURE_WIDTH", "6.75")
    save("p1_f1_loss", described_drawing, stored())
    after = contents(folder)
    assert {suffix for suffix in SUFFIXES if before[suffix] != after[suffix]} == {".json"}


def test_a_cell_shows_the_picture(folder):
    saved = save("p1_f1_loss", drawn(), stored(), **WORDS)
    shown, how = saved._repr_mimebundle_()
    assert base64.b64decode(shown["image/png"]) == saved.path(".png").read_bytes()
    assert shown["text/plain"] == repr(saved) == "p1_f1_loss: Loss against $t$"
    assert how["image/png"]["width"] == 487


FRESH = """
import runpy, sys
module = runpy.run_path(sys.argv[1])
module["save"]("p1_f1_loss", module["drawn"](), module["stored"](), **module["WORDS"])
import companion.claims.contrasts, companion.claims.register, companion.figures.comparison
heavy = {"torch", "numba", "distributed", "matplotlib.pyplot"} & set(sys.modules)
assert not heavy, heavy
"""


def test_a_fresh_process_elsewhere_writes_the_same_bytes_and_loads_nothing_heavy(
    folder, tmp_path, monkeypatch
):
    here = contents_of_new(folder)
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 20\nlines.linewidth: 9\nfigure.dpi: 50\nimage.cmap: hot\n"
    )
    elsewhere = {
        "COMPANION_FIGURES": str(tmp_path / "again"),
        "COMPANION_ROOT": str(tmp_path),
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
        "SOURCE_DATE_EPOCH": "1",
    }
    command = [sys.executable, "-c", FRESH, __file__]
    subprocess.run(command, env=os.environ | elsewhere, cwd=tmp_path, check=True, timeout=120)
    again = contents(tmp_path / "again")
    assert {suffix for suffix in SUFFIXES if here[suffix] != again[suffix]} == set()
