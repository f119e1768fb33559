"""Models run on one BLAS thread, as inside stored functions: many small products only fight over more."""

from collections.abc import Iterator

import pytest

from companion.store.threads import one_thread


@pytest.fixture(autouse=True, scope="module")
def single_thread() -> Iterator[None]:
    with one_thread():
        yield
