"""The named runs are the experiments that claims speak of."""

import numpy as np
import pytest
from pydantic import ValidationError

from companion.datasets.gaussian_mixture import class_counts
from companion.store.arguments import encode
from companion.studies.score_settings import SETTINGS, two_classes


@pytest.mark.parametrize("name", SETTINGS)
def test_every_run_is_a_mixture_of_two_classes_at_its_sizes(name):
    setting = SETTINGS[name]
    assert setting.mixture.classes == 2
    assert setting.mixture.diffusion_time == setting.diffusion_time
    assert setting.mixture.activation == ("relu" if name == "G1 ReLU" else "tanh")
    assert setting.sizes == (setting.sample_ratio, setting.feature_ratio)
    assert sum(setting.class_weights or setting.weights) == pytest.approx(1)


def test_the_first_class_has_the_larger_variance_or_else_the_larger_centroid():
    for name, setting in SETTINGS.items():
        first, second = setting.standard_deviations
        norms = np.diag(setting.centroid_gram)
        assert first > second or (first == second and norms[0] >= norms[1]), name
        if name.startswith("G1") and name != "G1 equal":
            assert norms[0] > norms[1]


@pytest.mark.parametrize(
    ("name", "deviations", "gram", "share", "time", "sizes"),
    [
        ("V0", (1.5, 0.5), (0, 0), 0.5, 0.1, (8, 16)),
        ("V1", (1.5, 0.5), (1, 1), 0.5, 0.1, (8, 16)),
        ("V2", (1.2, 0.8), (1, 1), 0.5, 0.1, (8, 16)),
        ("G1", (1.0, 1.0), (2, 0.5), 0.5, 0.1, (8, 16)),
        ("G2", (1.2, 0.8), (2, 0.5), 0.5, 0.1, (8, 16)),
        ("R5", (1.2, 0.8), (16, 16), 0.5, 0.5, (16, 16)),
        ("R1", (1.2, 0.8), (16, 16), 0.1, 0.5, (16, 16)),
        ("MR", (1.1, 0.9), (4, 4), 0.9, 0.1, (16, 16)),
    ],
)
def test_parameters_that_claims_state(name, deviations, gram, share, time, sizes):
    setting = SETTINGS[name]
    assert setting.standard_deviations == deviations
    np.testing.assert_array_equal(setting.centroid_gram, np.diag(gram))
    assert setting.weights == pytest.approx((share, 1 - share))
    assert (setting.diffusion_time, setting.sizes) == (time, sizes)


def test_runs_of_the_regimes_differ_from_theirs_in_one_thing():
    rare = SETTINGS["R1"].model_dump()
    for name, gram in (
        ("R1 M=0", [[0, 0], [0, 0]]),
        ("R1 M=4", [[4, 0], [0, 4]]),
        ("R1 antipodal", [[16, -16], [-16, 16]]),
        ("R1 cosine -.7", [[16, -11.2], [-11.2, 16]]),
    ):
        changed = SETTINGS[name].model_dump()
        np.testing.assert_allclose(changed.pop("centroid_gram"), gram)
        assert changed == {key: value for key, value in rare.items() if key != "centroid_gram"}


def test_few_points_are_six_at_the_dimension_of_the_claims():
    assert class_counts(SETTINGS["R few"].weights, 16 * 40).tolist() == [6, 634]


def test_support_and_exposure_are_set_apart():
    for name, weights, class_weights in (
        ("R5 light", (0.5, 0.5), (0.1, 0.9)),
        ("R5 rare", (0.1, 0.9), (0.5, 0.5)),
        ("R few equal", (0.01, 0.99), (0.5, 0.5)),
        ("R5 very light", (0.5, 0.5), (0.01, 0.99)),
    ):
        assert (SETTINGS[name].weights, SETTINGS[name].class_weights) == (weights, class_weights)


@pytest.mark.parametrize("cosine", [0.0, 0.5, -1.0])
def test_the_cosine_is_that_of_centroids_of_any_length(cosine):
    gram = two_classes(deviations=(1, 1), gram=(2, 0.5), cosine=cosine).mixture.gram
    assert gram[0, 1] / np.sqrt(gram[0, 0] * gram[1, 1]) == pytest.approx(cosine)
    assert np.diag(gram).tolist() == [2, 0.5]


def test_a_changed_setting_is_validated_anew_and_the_old_one_stays():
    setting = two_classes(deviations=(1.2, 0.8))
    changed = setting.changed(sample_ratio=4)
    assert (changed.sample_ratio, setting.sample_ratio) == (4.0, 8.0)
    assert changed.changed(sample_ratio=8.0) == setting
    with pytest.raises(ValidationError, match="samples"):
        setting.changed(samples=4)
    with pytest.raises(ValidationError, match="feature_ratio"):
        setting.changed(feature_ratio="many")
    with pytest.raises(ValidationError, match="frozen"):
        setting.sample_ratio = 4.0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"weights": (0.5, 0.6)}, "weights"),
        ({"standard_deviations": (1.0,)}, "standard_deviations"),
        ({"centroid_gram": ((1.0, 2.0), (2.0, 1.0))}, "centroid_gram"),
        ({"diffusion_time": 0.0}, "diffusion_time"),
        ({"activation": "sine"}, "activation"),
    ],
)
def test_what_is_no_mixture_is_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        _ = SETTINGS["V1"].changed(**change).mixture


def test_equal_settings_are_one_key_of_the_store():
    assert two_classes(deviations=(1, 1)) == two_classes(deviations=(1.0, 1.0))
    assert encode(two_classes(deviations=(1, 1)), "a") == encode(two_classes(deviations=(1.0, 1.0)), "a")
    assert encode(SETTINGS["V1"], "a") != encode(SETTINGS["V2"], "a")
