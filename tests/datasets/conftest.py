"""The images that the tests of this room share: embedded always, full where it is at hand."""

import pytest

from companion.datasets import fashion_mnist, fashion_mnist_full


@pytest.fixture(scope="session")
def embedded():
    return fashion_mnist.load("embedded")


@pytest.fixture(scope="session")
def full():
    """The full data if some folder holds it; a test downloads nothing."""
    needed = set(fashion_mnist_full.FILES)
    if not any(set(fashion_mnist_full.find(folder)) == needed for folder in fashion_mnist_full.places()):
        pytest.skip(
            "the full Fashion-MNIST is not at hand: apt-get install dataset-fashion-mnist, or set COMPANION_DATA"
        )
    return fashion_mnist.load("full")
