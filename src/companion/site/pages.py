"""From views to HTML: the one template environment of the site."""

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from nbconvert.filters import strip_ansi

from companion.claims.display import SYMBOLS
from companion.session.progress import duration
from companion.site import formats
from companion.site.mathml import formula, text_with_formulas, text_without_formulas
from companion.site.notebook_html import code_css
from companion.site.papers import paper_of
from companion.site.verdicts import measured, short_name
from companion.site.views import View
from companion.store.costs import hours

#: In the head of every page: by this a folder is known to hold a gallery.
GENERATOR_MARK = '<meta name="generator" content="companion">'


def environment() -> Environment:
    """Templates with everything escaped unless it is markup already, and no undefined names."""
    made = Environment(
        loader=PackageLoader("companion.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["symbols"] = SYMBOLS
    made.filters.update(
        formulas=text_with_formulas,
        display_formula=lambda tex: formula(tex, display=True),
        spoken=text_without_formulas,
        short_name=short_name,
        paper_label=lambda identifier: paper_of(identifier).label,
        measured=measured,
        duration=duration,
        hours=hours,
        size=formats.size,
        moment=formats.moment,
        arxiv_address=formats.arxiv_address,
        breakable=formats.breakable,
        without_colours=strip_ansi,
    )
    return made


def render(templates: Environment, template: str, view: View, *, here: str = "", depth: int = 0) -> str:
    """One page. ``here`` is its name in the navigation, ``depth`` how many folders it lies below the index."""
    return templates.get_template(template).render(**view, here=here, root="../" * depth)


def style_sheets() -> dict[str, str]:
    """The style sheets by file name."""
    house = resources.files("companion.site").joinpath("templates", "style.css").read_text(encoding="utf-8")
    return {"style.css": house, "code.css": code_css()}
