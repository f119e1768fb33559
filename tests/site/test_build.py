"""The whole gallery: built at one stroke, equal inputs equal bytes; what is missing is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from companion.site.build import build_site


def bytes_of(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def test_every_page_is_there(site, pages):
    assert set(pages) == {
        "index.html",
        "profiles.html",
        "verdicts.html",
        "claims.html",
        "notebooks.html",
        "costs.html",
        "figures/laptop/p1_f1_losses.html",
        "figures/laptop/p1_f2_stability.html",
        "figures/laptop/zz_f1_mine.html",
        "figures/night/p1_f1_losses.html",
        "figures/smoke/p1_f1_losses.html",
        "notebooks/laptop/p1_relu_landscape.html",
        "notebooks/laptop/mine.failed.html",
    }
    assert (site / "figures/laptop/p1_f1_losses.pdf").is_file()
    assert "@article{huang2026sharp" in (site / "citation.bib").read_text()


def test_a_fresh_clone_has_a_gallery_that_says_what_was_not_run(small_project, read_pages):
    small_project.figure(claims=["p1_c1_minima"], pdf=False)
    small_project.claims(p1_c1_minima=small_project.claim())
    pages = read_pages(build_site(small_project.root).parent)
    text = pages["figures/laptop/p1_f1_losses.html"].text
    assert "Not run on this machine." in text
    assert "was not run on this machine" in text
    assert "✓ holds" in text
    assert "Not known on this machine" in text
    assert "not known on this machine: its one result is not in the store" in pages["costs.html"].text
    assert "Not run on this machine" in pages["notebooks.html"].text
    assert "Cite" not in text.split()  # there is no CITATION.cff


def test_an_empty_project_has_a_gallery_that_says_how_to_fill_it(tmp_path, read_pages):
    pages = read_pages(build_site(tmp_path).parent)
    assert "make figures" in pages["index.html"].text
    assert "No claim has been judged yet" in pages["claims.html"].text
    for name in ("profiles.html", "costs.html"):
        assert "No figure has been drawn" in pages[name].text
    assert "Inconclusive (0)" in pages["verdicts.html"].text


def test_what_cannot_be_read_is_said_on_the_index(full, read_pages):
    full.write("figures/laptop/p1_f9_cut.json", "{")
    full.write("build/runs/laptop/cut.ipynb", "{")
    full.write("build/runs/laptop/drawn/p1_f1_losses.json", "[]")
    full.write("CITATION.cff", "title: [")
    page = read_pages(build_site(full.root).parent)["index.html"]
    assert "Not everything could be read" in page.text
    assert "figures/laptop/p1_f9_cut.json" in page.text
    assert "build/runs/laptop/cut.ipynb" in page.text
    assert "build/runs/laptop/drawn/p1_f1_losses.json" in page.text
    assert "CITATION.cff: " in page.text


def test_equal_inputs_give_equal_bytes_and_nothing_is_left_beside(full):
    index = build_site(full.root)
    first = bytes_of(index.parent)
    assert build_site(full.root) == index == full.root / "build" / "site" / "index.html"
    assert bytes_of(index.parent) == first
    assert sorted(path.name for path in (full.root / "build").iterdir()) == ["runs", "site", "store"]


def test_pages_of_figures_that_are_gone_go_too(full):
    build_site(full.root)
    (full.root / "figures/laptop/zz_f1_mine.json").unlink()
    assert not (build_site(full.root).parent / "figures/laptop/zz_f1_mine.html").exists()


def test_the_gallery_goes_where_it_is_told(full, tmp_path):
    assert build_site(full.root, out=tmp_path / "elsewhere") == tmp_path / "elsewhere" / "index.html"
    assert (tmp_path / "elsewhere" / "style.css").is_file()


def test_a_folder_with_something_else_in_it_is_left_alone(full, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "index.html").write_text("precious")
    with pytest.raises(ValueError, match="thesis"):
        build_site(full.root, out=tmp_path / "thesis")
    assert (tmp_path / "thesis" / "index.html").read_text() == "precious"


def test_the_index_of_sixty_figures_is_small(small_project):
    for number in range(60):
        small_project.figure(
            f"p1_f{number}_x",
            claims=[f"p1_c{number % 40}_x"],
            equation=rf"x_{{{number}}} = \frac{{1}}{{2}}",
            data_key=f"{number:02}",
            keys=[f"{number:02}"],
        )
        small_project.result(f"{number:02}")
    small_project.claims(
        **{f"p1_c{n}_x": small_project.claim(f"p1_c{n}_x", notes=["$x$ " * 9]) for n in range(40)}
    )
    for number in range(6):
        cells = [small_project.text("# A\n\n" + "$x^2$ words " * 40) for _ in range(15)]
        cells += [small_project.code("f(x)\n" * 5) for _ in range(15)]
        small_project.notebook(*cells, name=f"n{number}")
    index = build_site(small_project.root)
    for name in ("index.html", "profiles.html", "verdicts.html"):
        assert (index.parent / name).stat().st_size < 1_000_000
    assert len(list(index.parent.glob("figures/laptop/*.html"))) == 60


def test_the_gallery_needs_neither_torch_nor_theory():
    code = (
        "import sys, companion.site.build; "
        "print([name for name in sys.modules if name.split('.')[0] == 'torch' or name.startswith('companion.theory.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
