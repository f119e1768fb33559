"""The gallery: every figure, verdict and executed notebook as static pages that open from disk."""

import shutil
from pathlib import Path

from companion.session.root import project_root
from companion.site.cost_view import costs_view
from companion.site.figure_view import figure_view
from companion.site.index_views import index_view, profiles_view, verdicts_view
from companion.site.inventory import Inventory
from companion.site.material import Material, take_material
from companion.site.notebook_html import NotebookPage, notebook_page
from companion.site.pages import GENERATOR_MARK, environment, render, style_sheets
from companion.site.swap import replaced_folder
from companion.site.views import claims_view, notebooks_view

#: All BibTeX entries, beside the index.
CITATIONS = "citation.bib"


def build_site(root: Path | None = None, *, out: Path | None = None) -> Path:
    """Build the gallery of the project at ``root`` and return its index page.

    Reads figures/, build/runs/, the manifests of the store, the last commit and CITATION.cff; pages say so where
    something was not run, or is not known, on this machine. The site
    replaces the folder ``out`` (build/site by default) at one stroke: a build that is killed leaves the
    site that was there before. Equal inputs give equal bytes. Raises ValueError, and touches nothing,
    where ``out`` holds something else than a site.
    """
    root = (root or project_root()).resolve()
    target = (out or root / "build" / "site").resolve()
    _refuse_foreign(target)
    material = take_material(root)
    with replaced_folder(target) as folder:
        _write_site(folder, root, material)
    return target / "index.html"


def _refuse_foreign(target: Path) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    index = target / "index.html"
    if not index.is_file() or GENERATOR_MARK not in index.read_text(encoding="utf-8", errors="replace"):
        raise ValueError(
            f"{target}: it holds something else than a gallery, so it stays. Name another folder."
        )


def _write_site(folder: Path, root: Path, material: Material) -> None:
    templates, inventory = environment(), material.inventory
    notebooks = _notebooks(inventory, root)

    for name, text in style_sheets().items():
        _write(folder / name, text)
    if material.citations.everything:
        _write(folder / CITATIONS, material.citations.everything)
    for figure in inventory.figures:
        shelf = folder / "figures" / figure.profile
        view = figure_view(figure, material, notebooks)
        _write(shelf / f"{figure.id}.html", render(templates, "figure.html", view, depth=2))
        for suffix, path in figure.files.items():
            shutil.copyfile(path, shelf / (figure.id + suffix))
    for (profile, name), page in notebooks.items():
        whole = name.removesuffix(".failed")
        view = {
            "page": page,
            "title": page.title or name,
            "name": whole,
            "profile": profile,
            "failed": name != whole,
            "run": inventory.runs.get((profile, name)),
        }
        text = render(templates, "notebook.html", view, depth=2)
        _write(folder / "notebooks" / profile / f"{name}.html", text)
    for file, here, view in (
        ("index.html", "Figures", index_view(material)),
        ("profiles.html", "Figures", profiles_view(inventory)),
        ("verdicts.html", "Figures", verdicts_view(material)),
        ("claims.html", "Claims", claims_view(material)),
        ("notebooks.html", "Notebooks", notebooks_view(inventory, notebooks)),
        ("costs.html", "Costs", costs_view(material, notebooks)),
    ):
        _write(folder / file, render(templates, file, view, here=here))


def _notebooks(inventory: Inventory, root: Path) -> dict[tuple[str, str], NotebookPage]:
    """Each executed notebook that can be read; one that cannot joins the inventory's problems."""
    pages = {}
    for (profile, name), path in inventory.executed.items():
        figures = {
            figure.id: (figure.title, f"../../figures/{profile}/{figure.id}.html")
            for figure in inventory.figures
            if figure.profile == profile
        }
        siblings = {other for place, other in inventory.executed if place == profile}
        try:
            pages[profile, name] = notebook_page(path, figures, siblings)
        except Exception as error:  # whatever a notebook holds, the rest of the gallery stands
            inventory.problems.append(f"{path.relative_to(root)}: {error}")
    return pages


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
