"""Executed notebooks as HTML that stands in the site's own pages: formulas in MathML, images embedded."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import nbformat
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from nbconvert.exporters.html import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath, MathInlineParser
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from companion.site.mathml import formula, text_with_formulas
from companion.site.offline import offline_html

_TEMPLATE = """
{%- extends 'basic/index.html.j2' -%}
{% block any_cell %}
{%- for figure in cell.metadata.site_begins %}<span class="anchor" id="{{ figure | e }}"></span>{% endfor %}
{{ super() }}
{%- for figure in cell.metadata.site_ends %}
<p class="to-figure">Figure page: <a href="{{ figure.href | e }}">{{ figure.title | e }}</a></p>
{%- endfor %}
{% endblock %}
{% block data_latex %}<div class="output_latex">{{ output.data['text/latex'] | formulas }}</div>{% endblock %}
"""
# Best first. Widgets and scripts are not among them: they need JavaScript.
_SHOWN = (
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "text/plain",
)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_DELIMITED = re.compile(r"^\s*(\$|\\\(|\\\[)")
_TOUCHED = re.compile(r'([^\s<>]*)(<math\b[^>]*display="inline"[^>]*>.*?</math>)([^\s<]*)', re.DOTALL)
_LIGHT, _DARK = "default", "github-dark"


@dataclass(frozen=True)
class NotebookPage:
    """A notebook ready to stand in a page. ``title`` is its first heading, or None if it has none."""

    body: Markup
    title: str | None
    anchors: frozenset[str]


def notebook_page(
    path: Path, figures: Mapping[str, tuple[str, str]], siblings: Collection[str]
) -> NotebookPage:
    """The executed notebook at ``path`` as HTML that needs neither script nor network.

    ``figures`` gives title and link of each figure by id: its cells (tagged with the id) get an anchor of
    that name, alternative texts and the link. Links to the notebooks called ``siblings`` lead to their
    pages, beside this one. Raises OSError or ValueError where there is no notebook to read.
    """
    notebook = nbformat.read(path, as_version=4)
    anchors = _mark_figures(notebook, figures)
    for cell in notebook.cells:
        _prepare_outputs(cell, figures)
    html, _ = _exporter().from_notebook_node(notebook)
    own = {link for _, link in figures.values()}
    body = offline_html(html, lambda url: url if url in own else _sibling_page(url, siblings))
    return NotebookPage(Markup(body), _first_heading(notebook), anchors)


@lru_cache(maxsize=1)
def _exporter() -> HTMLExporter:
    """One for all notebooks: its templates take longer to compile than a notebook to convert."""
    exporter = HTMLExporter(
        template_name="basic",
        raw_template=_TEMPLATE,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    exporter.register_filter("markdown2html", _markdown_to_html)
    exporter.register_filter("formulas", _latex_output)
    exporter.register_filter("clean_html", lambda html: html)  # offline_html cleans the whole page
    return exporter


def code_css() -> str:
    """Colours of highlighted code, for light and dark surroundings."""
    light = HtmlFormatter(style=_LIGHT).get_style_defs(".highlight")
    dark = HtmlFormatter(style=_DARK).get_style_defs(".highlight")
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _first_heading(notebook: NotebookNode) -> str | None:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _HEADING.search(cell.source)):
            return found[1]
    return None


def _mark_figures(notebook: NotebookNode, figures: Mapping[str, tuple[str, str]]) -> frozenset[str]:
    """Note in each cell which figures begin and end there; the ids that were found."""
    places: dict[str, list[NotebookNode]] = {}
    for cell in notebook.cells:
        cell.metadata["site_begins"], cell.metadata["site_ends"] = [], []
        for tag in cell.metadata.get("tags", []):
            if tag in figures:
                places.setdefault(tag, []).append(cell)
    for identifier, cells in places.items():
        title, link = figures[identifier]
        cells[0].metadata["site_begins"].append(identifier)
        cells[-1].metadata["site_ends"].append({"title": title, "href": link})
    return frozenset(places)


def _prepare_outputs(cell: NotebookNode, figures: Mapping[str, tuple[str, str]]) -> None:
    """Leave one representation per output, and describe images."""
    titles = [figures[tag][0] for tag in cell.metadata.get("tags", []) if tag in figures]
    for output in cell.get("outputs", []):
        data: dict[str, Any] | None = output.get("data")
        if data is None:
            continue
        if _WIDGET in data:
            data = {"text/plain": "Interactive: open the notebook in JupyterLab to use it."}
        kept = next((kind for kind in _SHOWN if kind in data), None)
        output["data"] = {kept: data[kept]} if kept else {"text/plain": f"(output of type {', '.join(data)})"}
        if kept and kept.startswith("image/"):
            facts = output.metadata.setdefault(kept, {})
            facts["alt"] = facts.get("alt") or "; ".join(titles) or "Image made by the code above"


class _Renderer(IPythonRenderer):
    """Markdown to HTML, formulas to MathML."""

    def block_math(self, body: str) -> str:
        return formula(body, display=True)

    def inline_math(self, body: str) -> str:
        return formula(body)

    def latex_environment(self, name: str, body: str) -> str:
        return formula(rf"\begin{{{name}}}{body}\end{{{name}}}", display=True)


class _InlineParser(MathInlineParser):
    r"""Takes ``\(...\)`` and ``\[...\]`` with one backslash too, as LaTeX writes them."""

    SPECIFICATION: ClassVar[dict[str, str]] = {
        **MathInlineParser.SPECIFICATION,
        "block_math_latex": r"(?s:\\{1,2}\[(?P<math_block_latex>.*?)\\{1,2}\])",
        "inline_math_latex": r"(?s:\\{1,2}\((?P<math_inline_latex>.*?)\\{1,2}\))",
    }


@pass_context
def _markdown_to_html(context: Context, source: str) -> str:
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = _Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    html = MarkdownWithMath(renderer=renderer, inline=_InlineParser(hard_wrap=False)).render(source)
    return _TOUCHED.sub(_unbroken, html)


def _unbroken(word: re.Match[str]) -> str:
    """No line ends between a formula and the bracket or comma that touches it."""
    return f'<span class="together">{word[0]}</span>' if word[1] or word[3] else word[0]


def _latex_output(source: str) -> str:
    return text_with_formulas(source) if _DELIMITED.match(source) else formula(source, display=True)


def _sibling_page(url: str, siblings: Collection[str]) -> str | None:
    """Page of the notebook that a relative link points to; None for anything else."""
    target = PurePosixPath(url.partition("#")[0])
    found = target.suffix in (".py", ".ipynb", ".html") and target.stem in siblings
    return f"{target.stem}.html" if found else None
