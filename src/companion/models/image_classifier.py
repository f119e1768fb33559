"""A small convolutional classifier of grey images, for the class of generated samples and for features."""

from torch import Tensor, nn
from torch.nn import functional

#: The side is halved twice, down to no less than this.
_COARSEST = 2


class ImageClassifier(nn.Module):
    """Four convolutions, the side halved twice on the way; then ``features`` numbers, then the classes.

    Images come as flattened rows (n, side²). Normalisation is by running moments once training is over (``eval()``), so
    that an image's answer does not depend on its company.
    """

    def __init__(self, side: int, classes: int, *, width: int = 32, features: int = 128):
        super().__init__()
        if side % 4 or side < 4 * _COARSEST:
            raise ValueError(f"side: {side} given, allowed is a multiple of 4 from {4 * _COARSEST}")
        self.side = side
        self.maps = nn.Sequential(
            _layer(1, width),
            nn.MaxPool2d(2),
            _layer(width, 2 * width),
            _layer(2 * width, 2 * width),
            nn.MaxPool2d(2),
            _layer(2 * width, 4 * width),
        )
        self.dropout = nn.Dropout(0.3)
        self.to_features = nn.Linear(4 * width * (side // 4) ** 2, features)
        self.to_classes = nn.Linear(features, classes)

    def features(self, images: Tensor) -> Tensor:
        """The penultimate layer (n, features) of ``images`` (n, side²)."""
        maps = self.maps(images.reshape(-1, 1, self.side, self.side))
        return functional.relu(self.to_features(self.dropout(maps.flatten(1))))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes)."""
        return self.to_classes(self.dropout(self.features(images)))


def _layer(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
    )
