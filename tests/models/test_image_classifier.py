"""The classifier's network: sizes, and answers that are each image's own."""

import pytest
import torch

from companion.models.image_classifier import ImageClassifier


@pytest.mark.parametrize(("side", "classes"), [(8, 2), (16, 10), (28, 10)])
def test_sizes(side, classes):
    network = ImageClassifier(side, classes, features=24)
    images = torch.zeros(3, side * side)
    assert network(images).shape == (3, classes)
    assert network.features(images).shape == (3, 24)


@pytest.mark.parametrize("side", [4, 18, 30])
def test_sides_that_cannot_be_halved_twice_are_refused(side):
    with pytest.raises(ValueError, match=f"side: {side} given"):
        ImageClassifier(side, 2)


def test_each_answer_is_the_images_own_once_training_is_over():
    torch.manual_seed(0)
    network = ImageClassifier(8, 3, width=8)
    images = torch.randn(6, 64)
    network(images)  # moves the running moments
    network.eval()
    with torch.no_grad():
        together, alone = network(images), network(images[2:3])
    torch.testing.assert_close(together[2:3], alone, rtol=1e-5, atol=1e-6)
    assert not torch.equal(together[0], together[1])
