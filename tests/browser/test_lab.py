"""JupyterLab, as somebody meets it who has typed `make lab`."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

_MILLISECONDS = 60_000
#: The whole tour, with nothing compiled or computed before, on a busy machine.
_TOUR_MILLISECONDS = 600_000
_READY = """() => {
    const widget = window.jupyterapp?.shell.currentWidget;
    const kernel = widget?.sessionContext?.session?.kernel;
    return widget?.context?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(_MILLISECONDS)
    yield opened
    opened.close()


def test_a_double_click_opens_a_text_notebook_and_saving_changes_no_byte(page: Page, lab):
    notebook = lab.project / "notebooks" / "p2_speciation.py"
    before = notebook.read_bytes()
    page.goto(lab.page("notebooks"))
    page.locator(".jp-DirListing-item", has_text=notebook.name).dblclick()
    page.locator(".jp-NotebookPanel h1", has_text="When does a diffusing point").wait_for()
    page.wait_for_function(_READY)
    kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.name"
    assert page.evaluate(kernel) == "python3"
    assert page.locator(".jp-Dialog").count() == 0  # it asked for no kernel
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0  # and told no news

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert notebook.read_bytes() == before
    assert list(notebook.parent.glob("*.ipynb")) == []


def test_nobody_gets_in_without_the_token(lab):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{lab.address}/api/contents", timeout=10)


def test_the_tour_runs_from_an_empty_store_and_its_sliders_redraw(page: Page, lab):
    page.goto(lab.page("notebooks/tour.py"))
    page.wait_for_function(_READY)
    page.evaluate(
        """() => {
            window.finished = null;
            window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.finished = true);
        }"""
    )
    page.wait_for_function(
        "() => window.finished && " + _READY.replace("() =>", "(() =>") + ")()", timeout=_TOUR_MILLISECONDS
    )
    assert _failures(page) == []

    places = [place for place, cell in enumerate(_cells(page)) if cell["source"].startswith("tour.")]
    assert len(places) == 5  # one for each family
    for place in places:
        page.evaluate(
            """async place => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = place;
                await notebook.scrollToItem(place, 'start');
            }""",
            place,
        )
        cell = page.locator(f".jp-Cell[data-windowed-list-index='{place}']")
        image = cell.locator(".jp-OutputArea-output img").last
        image.wait_for()
        before = image.get_attribute("src")
        cell.locator("[role=slider]").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            """([place, before]) => {
                const cell = document.querySelector(`.jp-Cell[data-windowed-list-index='${place}']`);
                const images = cell?.querySelectorAll('.jp-OutputArea-output img');
                return images?.length === 1 && images[0].src !== before;
            }""",
            arg=[place, before],
        )


def _cells(page: Page) -> list[dict[str, Any]]:
    """The notebook as it would be saved: cells off the screen are not in the page."""
    return page.evaluate("window.jupyterapp.shell.currentWidget.model.toJSON().cells")


def _failures(page: Page) -> list[str]:
    outputs = [output for cell in _cells(page) for output in cell.get("outputs", [])]
    return [output["evalue"] for output in outputs if output["output_type"] == "error"]
