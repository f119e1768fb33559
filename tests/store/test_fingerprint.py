"""Which modules a fingerprint reaches, and what it is blind to."""

import importlib

from hypothesis import given
from hypothesis import strategies as st

from companion.store import fingerprint
from companion.store.fingerprint import closure, normalised
from companion.store.imports import imported_names, module_file


def test_science_is_reached_and_the_rest_is_not():
    reached = closure(["companion.studies.relu_landscape"])
    assert "companion.theory.relu_kernels" in reached
    assert "companion.training.descent" in reached
    assert "companion.compute.seeds" in reached
    assert not [name for name in reached if name.startswith(("companion.store", "companion.session"))]
    assert "companion.compute.sweeps" not in reached


def test_everything_own_is_reached_on_demand():
    everything = closure(["companion.figures.relu_landscape"], science_only=False)
    assert "companion.figures.style" in everything
    assert not [name for name in everything if not name.startswith("companion")]


def test_installed_and_standard_modules_have_no_own_file():
    assert module_file("numpy.linalg") is None
    assert module_file("json") is None
    assert module_file("ruamel.yaml") is None
    assert module_file("companion.theory.nothing_there") is None


def test_relative_imports_and_cycles(project):
    package = project / "mypackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text("from .second import value\n")
    (package / "second.py").write_text("def f():\n    from mypackage import first\nvalue = 1\n")
    importlib.invalidate_caches()
    assert set(closure(["mypackage.first"])) == {"mypackage", "mypackage.first", "mypackage.second"}


def test_folders_without_init_are_walked_too_and_nothing_is_imported(project):
    model = project / "mine_own" / "deep" / "model.py"
    model.parent.mkdir(parents=True)
    model.write_text("raise AssertionError('imported')\n")
    importlib.invalidate_caches()
    assert module_file("mine_own.deep.model") == model
    assert module_file("mine_own.deep") is None
    assert set(closure(["mine_own.deep.model"])) == {"mine_own.deep.model"}


def test_names_in_the_package_name_of_others_do_not_count_as_companion():
    assert fingerprint.counts_as_science("companionship.study")
    assert not fingerprint.counts_as_science("companion.figures.style")


def test_imported_names_give_module_and_member():
    import ast

    names = imported_names(ast.parse("import a.b as c\nfrom d import e\nfrom . import f"), "package")
    assert names == {"a.b", "d", "d.e", "package", "package.f"}


@given(st.text(alphabet="abc \t#", max_size=20))
def test_comments_never_count(comment):
    assert normalised(f"x = 1  # {comment}\n\n\ny = (x,)") == normalised("x = 1\ny = (x,)")


def test_docstrings_of_every_kind_are_removed_but_texts_stay():
    with_prose = (
        '"""M."""\nclass C:\n    """C."""\n    def f(self):\n        """F."""\n        return "kept"\n'
    )
    without = 'class C:\n    def f(self):\n        return "kept"\n'
    assert normalised(with_prose) == normalised(without)
    assert normalised(without) != normalised(without.replace("kept", "other"))
