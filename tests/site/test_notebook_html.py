"""Executed notebooks: formulas drawn, figures anchored and described, nothing that needs a script."""

import re

import pytest

from companion.site.notebook_html import code_css, notebook_page

FIGURES = {"p1_f1_losses": ("Losses", "../../figures/laptop/p1_f1_losses.html")}


def page_of(small_project, *cells, figures=FIGURES, siblings=()):
    return notebook_page(small_project.notebook(*cells), figures, siblings)


def test_formulas_in_markdown_become_mathml(small_project):
    paragraphs = (
        "# Minima at $K$",
        r"Inline $a<b$ and \(c\).",
        "$$\nL = 1\n$$",
        r"\begin{align}x&=1\\y&=2\end{align}",
        "`$x$`",
    )
    source = "\n\n".join(paragraphs)
    page = page_of(small_project, small_project.text(source))
    assert page.title == "Minima at $K$"
    assert page.body.count('display="inline"') == 3
    assert page.body.count('display="block"') == 2
    assert "<code>$x$</code>" in page.body
    assert "$$" not in page.body


def test_what_touches_a_formula_stays_on_its_line(small_project):
    body = page_of(small_project, small_project.text("Families II($p$), and $q$ too; **$r$**.")).body
    assert '<span class="together">II(<math' in body
    assert "</math>),</span> and <math" in body
    assert "<strong><math" in body


def test_cells_of_a_figure_are_anchored_described_and_linked(small_project):
    first = small_project.code("data = census()", tags=("p1_f1_losses",))
    second = small_project.code("draw(data)", small_project.drawing(), tags=("p1_f1_losses", "other"))
    page = page_of(small_project, first, second, small_project.code("1", small_project.drawing()))
    assert page.anchors == {"p1_f1_losses"}
    assert page.body.count('id="p1_f1_losses"') == 1
    assert page.body.index('id="p1_f1_losses"') < page.body.index("census")
    assert page.body.index("draw") < page.body.index('href="../../figures/laptop/p1_f1_losses.html"')
    assert re.findall(r'alt="([^"]*)"', page.body) == ["Losses", "Image made by the code above"]


def test_scripts_and_widgets_do_not_come_along(small_project):
    widget = small_project.shown(
        application__javascript="alert(1)",
        text__plain="an object",
        text__html="<script>alert(2)</script><b>x</b>",
    )
    interactive = small_project.shown(text__plain="HBox()")
    interactive.data["application/vnd.jupyter.widget-view+json"] = {"model_id": "1"}
    page = page_of(small_project, small_project.code("show()", widget, interactive))
    assert "alert" not in page.body
    assert "<b>x</b>" in page.body
    assert "HBox" not in page.body
    assert "open the notebook in JupyterLab" in page.body


@pytest.mark.parametrize("latex", [r"$\displaystyle x^{2}$", r"x^{2}", r"$$x^{2}$$"])
def test_latex_results_become_mathml(small_project, latex):
    page = page_of(small_project, small_project.code("expression", small_project.shown(text__latex=latex)))
    assert "<msup><mi>x</mi>" in page.body


def test_an_output_of_unknown_kind_is_named(small_project):
    page = page_of(small_project, small_project.code("x", small_project.shown(application__x="1")))
    assert "(output of type application/x)" in page.body


def test_links_to_other_notebooks_lead_to_their_pages_and_dead_ones_are_text(small_project):
    source = "[a](p3_other.py#here) [b](../gone.py) [c](https://arxiv.org/abs/1) ![d](plot.png)"
    page = page_of(small_project, small_project.text(source), siblings={"p3_other"})
    assert re.findall(r'href="([^"]*)"', page.body) == ["p3_other.html", "https://arxiv.org/abs/1"]
    assert "[d]" in page.body


def test_colours_of_terminal_text_are_classes(small_project):
    output = small_project.shown(text__plain="\x1b[31mred\x1b[0m <tag>")
    page = page_of(small_project, small_project.code("x", output))
    assert '<span class="ansi-red-fg">red</span> &lt;tag&gt;' in page.body


def test_a_file_that_is_no_notebook_is_refused(small_project):
    path = small_project.write("build/runs/laptop/broken.ipynb", "{")
    with pytest.raises(ValueError, match="JSON"):
        notebook_page(path, {}, ())


def test_code_has_colours_for_light_and_for_dark():
    light, dark = code_css().split("@media screen and (prefers-color-scheme: dark)")
    assert ".highlight .k " in light
    assert ".highlight .k " in dark
