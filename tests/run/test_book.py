"""``--book``: what it says and refuses; what stands in the PDF is tests/site/test_book.py's."""

import json

import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader

from companion.run.cli import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two drawn figures, of which one has a PDF."""
    folder = tmp_path / "figures" / "laptop"
    folder.mkdir(parents=True)
    for name, notebook, suffixes in (
        ("p1_f1_losses", "p1_landscape", ("png", "pdf")),
        ("zz_f1_mine", "mine", ("png",)),
    ):
        record = {"id": name, "title": f"Title of {name}", "caption": "A caption.", "notebook": notebook}
        (folder / f"{name}.json").write_text(json.dumps(record))
        for suffix in suffixes:
            Figure(figsize=(3, 2)).savefig(folder / f"{name}.{suffix}")
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    captured = capsys.readouterr()
    return end.value.code, " ".join((captured.out + captured.err).split())


def test_a_book_is_written_and_a_missing_pdf_told_with_the_command_that_makes_it(project, capsys):
    code, text = said(capsys, "--book", "out/book.pdf")
    assert code == 0
    assert "2 figures and 0 claims of laptop on 4 pages" in text
    assert "zz_f1_mine: it has no PDF" in text
    assert "python run_all.py mine --profile laptop --only zz_f1_mine" in text
    assert len(PdfReader(project / "out" / "book.pdf").pages) == 4
    assert [path.name for path in (project / "out").iterdir()] == ["book.pdf"]


def test_one_notebook_or_figure_only(project, capsys):
    for arguments in (["p1_landscape"], ["--only", "p1_f1_losses"]):
        assert "1 figure and 0 claims" in said(capsys, *arguments, "--book", "book.pdf")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--book", "book.txt"], "a name that ends in .pdf"),
        (["--book", "book.pdf", "--profile", "night"], "no figures at this profile"),
        (["--book", "book.pdf", "--only", "p1_f1_lossse"], "did you mean `p1_f1_losses`?"),
        (["p1_landscap", "--book", "book.pdf"], "did you mean `p1_landscape`?"),
    ],
)
def test_what_makes_no_book_is_said_and_nothing_is_written(project, capsys, arguments, message):
    code, text = said(capsys, *arguments)
    assert code == 2
    assert "--book" in text or "--only" in text
    assert message in text
    assert not list(project.glob("book.*"))
