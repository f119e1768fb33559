"""The proofs behind leaving vectors out: errors of codes stay within their radii, products are exact."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis.neighbour_double import DoubleSearcher
from companion.analysis.neighbour_filter import principal_axes, projection
from companion.analysis.neighbour_preparation import screen_quantiser
from companion.analysis.neighbour_rotation import Rotation, rotation
from companion.analysis.neighbour_screening import (
    NORM_LIMIT,
    Centring,
    Products,
    centring,
    int8_products,
    quantiser,
)
from companion.analysis.neighbour_search import Searcher, lists_of, prepare


def drawn(count, dimension, seed, kind):
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((count, dimension))
    if kind == "offset":
        vectors += 300
    elif kind == "uneven":
        vectors *= np.arange(1, dimension + 1) ** -1.5
    elif kind == "scales":
        vectors *= 10.0 ** generator.integers(-8, 8, (count, 1))
    elif kind == "sparse":
        vectors *= generator.random((count, dimension)) < 0.05
    return torch.from_numpy(vectors)


def embeddings(references, components):
    base = centring(references)
    axes, _ = principal_axes(base, references, components)
    wrong = torch.linalg.qr(torch.randn(references.shape[1], components, dtype=torch.float64)).Q.T
    bent = wrong * (1 + 1e-5 * torch.randn(components, 1, dtype=torch.float64))
    return {
        "centring": base,
        "rotation": rotation(base),
        "projection": projection(base, references, components, axes),
        "projection on axes that are not principal": projection(base, references, components, wrong),
        "projection on axes that are not quite orthonormal": projection(base, references, components, bent),
    }


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    dimension=st.integers(2, 200),
    kind=st.sampled_from(["plain", "offset", "uneven", "scales", "sparse"]),
    exact=st.booleans(),
)
def test_no_bound_exceeds_the_distance(seed, dimension, kind, exact):
    torch.manual_seed(seed)
    references, queries = drawn(80, dimension, seed, kind), drawn(25, dimension, seed + 1, kind)
    queries[:5] = references[:5] * (1 + 1e-4)
    if not exact:
        references, queries = references.float(), queries.float()
    gaps = (queries.double()[:, None] - references.double()).square().sum(2).sqrt()
    for name, embedding in embeddings(references, max(1, dimension // 5)).items():
        coder = quantiser(embedding, references)
        X, Q = coder.encode(references), coder.encode(queries)
        squares = (Q.values.double()[:, None] - X.values.double()).square().sum(2)
        bounds = (coder.step * squares.sqrt() - Q.radii[:, None] - X.radii) / embedding.scale
        assert (bounds <= gaps * (1 + 1e-12)).all(), name
        assert torch.equal(X.values.long().square().sum(1), X.squares.long())
        trusted = torch.isfinite(X.radii)
        assert (X.squares[trusted] <= NORM_LIMIT**2).all()


@pytest.mark.parametrize("dimension", [3, 64, 300])
def test_radii_hold_against_the_map_itself_and_are_no_larger_than_they_must(dimension):
    references = drawn(500, dimension, 0, "uneven").float()
    base = centring(references)
    turned = rotation(base)
    matrix = Rotation(Centring(torch.zeros(dimension).double(), 1.0), turned.signs, turned.matrix)
    # The rotation's own matrix, column by column: sums of few terms of ±1/64, exact in float32.
    columns = matrix.apply(torch.eye(dimension))[0].double()
    torch.testing.assert_close(columns @ columns.T, torch.eye(dimension).double(), rtol=0, atol=1e-12)
    exact = (references.double() - base.centre) @ columns
    for embedding, images in ((base, references.double() - base.centre), (turned, exact)):
        coder = quantiser(embedding, references)
        codes = coder.encode(references)
        errors = (images - coder.step * codes.values[:, : embedding.width].double()).norm(dim=1)
        assert (errors <= codes.radii).all()
        assert (codes.radii <= 1.05 * errors + 1e-3 * images.norm(dim=1)).all()


def test_projections_stay_within_their_error():
    references = drawn(600, 90, 3, "uneven").float()
    base = centring(references)
    axes, left_out = principal_axes(base, references, 20)
    map_ = projection(base, references, 20, axes)
    images, errors = map_.apply(references)
    centred = references.double() - base.centre
    kept = centred @ axes[:20].T
    rest = (centred - kept @ axes[:20]).norm(dim=1)
    # Up to the fixed rotation: distances between images are those of (kept, rest).
    exact = torch.cat([kept, rest[:, None]], 1)
    gaps = torch.cdist(images.double(), images.double(), compute_mode="donot_use_mm_for_euclid_dist")
    true_gaps = torch.cdist(exact, exact, compute_mode="donot_use_mm_for_euclid_dist")
    assert ((gaps - true_gaps).abs() <= errors[:, None] + errors + 1e-12).all()
    assert (errors <= 1e-2 * centred.norm(dim=1)).all()  # which is what rounding to 8 bits costs
    assert np.all(np.diff(left_out) <= 0) and left_out[19] == pytest.approx(
        float(1 - kept.square().sum() / centred.square().sum()), abs=1e-3
    )


def test_axes_are_the_same_every_time():
    references = drawn(600, 90, 3, "uneven").float()
    base = centring(references)
    first, second = (principal_axes(base, references, 20)[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("int8", sorted({False, int8_products()}))  # those that this processor may be given
def test_products_of_codes_are_exact(int8):
    extreme = torch.full((3, 1024), 127, dtype=torch.int8)
    extreme[1] = -127
    extreme[2, ::2] = -127
    others = torch.cat([extreme, torch.randint(-127, 128, (40, 1024), dtype=torch.int8)])
    products = Products(others, int8=int8)
    out = products(products.prepared(extreme), 2, 32)
    assert torch.equal(out.long(), extreme.long() @ others[2:32].long().T)


def test_uneven_coordinates_are_mixed_and_images_are_not():
    uneven = drawn(2000, 300, 0, "uneven").float()
    assert isinstance(screen_quantiser(centring(uneven), uneven).embedding, Rotation)
    images = torch.rand(2000, 300)
    assert isinstance(screen_quantiser(centring(images), images).embedding, Centring)


def test_rare_giants_do_not_spoil_the_codes_of_the_others():
    references = drawn(2000, 50, 0, "plain")
    references[7] *= 1e6
    prepared = prepare(screen_quantiser(centring(references), references), references)
    # Their coordinates reach 4; a range of 1.5 times that in 127 steps, rounded, costs 0.1 in 50 coordinates.
    assert prepared.coarse.radii.max() < 0.15
    lists = lists_of(20, 2)
    Searcher(prepared, references.numpy()).block(drawn(20, 50, 1, "plain"), *lists)
    assert (lists[2][:, 1] >= 0).all() and lists[2][:, 1].mean() < 20


def test_float64_products_tell_clusters_apart_that_codes_cannot():
    generator = torch.Generator().manual_seed(0)
    centres = 1e5 * torch.randn(4, 30, generator=generator, dtype=torch.float64)
    references = centres.repeat(400, 1) + torch.randn(1600, 30, generator=generator, dtype=torch.float64)
    queries = centres + torch.randn(4, 30, generator=generator, dtype=torch.float64)
    base = centring(references)
    coded = lists_of(4, 2)
    Searcher(prepare(quantiser(base, references), references), references.numpy()).block(queries, *coded)
    assert (coded[2][:, 1] < 0).all()  # a fifth of all and more would have to be measured: given up
    exact = lists_of(4, 2)
    DoubleSearcher(references.numpy(), base.centre, base.scale).block(queries, *exact)
    assert (exact[2][:, 1] >= 0).all() and exact[2][:, 1].max() < 10
    nearest = (queries[:, None] - references).norm(dim=2).topk(2, largest=False).indices
    np.testing.assert_array_equal(exact[1], nearest.numpy())
