"""The figure of condensation draws what the dataset holds."""

import numpy as np

from companion.figures.condensation import condensation as draw
from companion.studies.condensation import condensation


def test_condensation_draws_laws_and_training_sets(project):
    data = condensation([4, 6], [16], 0.5, 6, [8, 16], [0.5, 1.0], 8, 10, 2, 0)
    sharp, entropy, classes, collapse = draw(data).axes

    def heights(axes):
        return [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]

    np.testing.assert_allclose(heights(sharp), data.participation.mean("draw"))
    np.testing.assert_allclose(heights(entropy), data.entropy_density.mean("draw"))
    np.testing.assert_allclose(heights(classes)[::2], data.own_class.mean("class_draw"))
    np.testing.assert_allclose(heights(classes)[1::2], data.class_weight.mean("class_draw"))
    np.testing.assert_allclose(heights(collapse), data.half_time.mean("class_draw"))
    lines = [line.get_ydata() for line in collapse.lines if line.get_marker() in ("", "None", None)]
    np.testing.assert_allclose(lines[0], data.half_law[0])
    np.testing.assert_allclose(lines[1], data.collapse[0])
    (guide,) = [line for line in sharp.lines if len(set(line.get_xdata())) == 1]
    np.testing.assert_allclose(guide.get_xdata(), float(data.limit))
