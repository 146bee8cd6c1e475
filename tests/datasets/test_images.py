"""Images become matrices and come back, with their opacity, clipped, and with noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmf_accel.datasets import images

SIDES = st.integers(1, 5)
UNIT = st.floats(0, 1, width=32)


def stacks(channels):
    return st.tuples(SIDES, SIDES, SIDES, channels).flatmap(lambda s: arrays(np.uint8, s))


def matrices(elements=UNIT):
    return st.tuples(SIDES, SIDES).flatmap(lambda s: arrays(np.float64, s, elements=elements))


@given(stacks(st.sampled_from([3, 4])))
def test_colours_come_back_bit_by_bit(pixels):
    n, h, w, _ = pixels.shape
    A = images.to_matrix(pixels)
    assert A.shape == (h * w * 3, n)
    assert A.dtype == np.float64
    back = images.to_images(A, (h, w, 3))
    assert np.array_equal(np.rint(back * 255).astype(np.uint8), pixels[..., :3])


@given(stacks(st.just(4)), st.data())
def test_rows_run_over_height_width_colour_in_c_order(pixels, data):
    n, h, w, _ = pixels.shape
    k, y, x, c = (data.draw(st.integers(0, size - 1)) for size in (n, h, w, 3))
    A = images.to_matrix(pixels)
    assert A[(y * w + x) * 3 + c, k] == pixels[k, y, x, c] / 255


@given(stacks(st.just(4)))
def test_opacity_is_the_fourth_channel(pixels):
    alpha = images.opacity(pixels)
    assert alpha.shape == pixels.shape[:3]
    assert np.array_equal(np.rint(alpha * 255).astype(np.uint8), pixels[..., 3])


@given(stacks(st.just(3)))
def test_images_without_opacity_are_opaque(pixels):
    assert np.array_equal(images.opacity(pixels), np.ones(pixels.shape[:3]))


@pytest.mark.parametrize("dtype", [bool, "u1", "u2", "u4", "f4", "f8"])
@pytest.mark.parametrize(("channels", "colours"), [(1, 1), (2, 1), (3, 3), (4, 3), (5, 5)])
def test_colours_and_opacity_of_any_depth(dtype, channels, colours):
    most = np.iinfo(dtype).max if str(dtype).startswith("u") else 1
    share = np.random.default_rng(0).random((4, 3, 2, channels))
    pixels = (share * most).round().astype(dtype) if dtype is bool else (share * most).astype(dtype)
    A = images.to_matrix(pixels)
    expected = pixels[..., :colours].reshape(4, -1).T
    np.testing.assert_array_equal(A, expected if "f" in str(dtype) else expected / float(most))
    assert A.dtype == (dtype if "f" in str(dtype) else np.float64)
    alpha = images.opacity(pixels)
    shown = pixels[..., -1] / float(most) if channels > colours else np.ones((4, 3, 2))
    np.testing.assert_array_equal(alpha, shown)


def test_channels_that_are_told_are_colours():
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 3, 2, 4)
    assert images.to_matrix(pixels, 4).shape == (24, 1)
    assert (images.opacity(pixels, 4) == 1).all()


def test_complex_pixels_are_refused():
    with pytest.raises(ValueError, match="complex128 pixels; save their real part"):
        images.to_matrix(np.ones((1, 1, 1, 1), complex))


@given(matrices(st.floats(-3, 3)))
def test_images_are_clipped_and_inside_the_range_nothing_changes(A):
    stack = images.to_images(A, (A.shape[0], 1, 1))
    back = stack.reshape(A.shape[1], -1).T
    assert stack.min() >= 0
    assert stack.max() <= 1
    inside = (A >= 0) & (A <= 1)
    assert np.array_equal(back[inside], A[inside])
    assert np.array_equal(back[A < 0], np.zeros((A < 0).sum()))
    assert np.array_equal(back[A > 1], np.ones((A > 1).sum()))


def test_columns_of_another_size_are_refused():
    with pytest.raises(ValueError, match="columns of 11 entries are no images of shape"):
        images.to_images(np.zeros((11, 2)), (2, 2, 3))


@given(stacks(st.just(4)), UNIT)
def test_over_shows_the_opaque_and_hides_the_transparent(pixels, background):
    colours, alpha = pixels[..., :3] / 255, images.opacity(pixels)
    seen = images.over(colours, alpha, background)
    assert np.array_equal(seen[alpha == 1], colours[alpha == 1])
    assert np.array_equal(seen[alpha == 0], np.full(((alpha == 0).sum(), 3), background))
    assert seen.min() >= 0
    assert seen.max() <= 1 + 1e-15  # c * a + b * (1 - a) may round up


@given(matrices(), st.floats(0, 2), st.integers(0, 2**32))
def test_noise_is_the_normals_of_the_seed_on_non_zero_entries_clipped(A, sigma, seed):
    normals = np.random.default_rng(seed).standard_normal(A.shape)
    noisy = images.add_noise(A, sigma, seed)
    assert not noisy[A == 0].any()
    expected = np.clip(A[A != 0] + sigma * normals[A != 0], 0, 1)
    assert np.array_equal(noisy[A != 0], expected)


@given(matrices())
def test_no_noise_changes_nothing(A):
    assert np.array_equal(images.add_noise(A, 0.0, 3), A)


def test_noise_keeps_the_dtype_and_the_data():
    A = np.full((4, 3), 0.5, dtype=np.float32)
    assert images.add_noise(A, 0.1).dtype == np.float32
    assert np.array_equal(A, np.full((4, 3), 0.5))


@pytest.mark.parametrize("sigma", [-0.1, np.inf, np.nan])
def test_a_sigma_that_is_none_is_refused(sigma):
    with pytest.raises(ValueError, match="it must be a finite number >= 0"):
        images.add_noise(np.ones((2, 2)), sigma)
