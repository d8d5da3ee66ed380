import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from ecojax.train.images.augmentation import alternating_flips, augment

SHIFT = 2
HEIGHT, WIDTH = 6, 9


@pytest.fixture(scope="module")
def apply(traced):
    jitted = jax.jit(augment, static_argnames="max_shift")

    def apply(images: np.ndarray, seed: int = 0, epoch: int = 0, **numbers: float) -> np.ndarray:
        mirrored = alternating_flips(jnp.arange(len(images)), epoch)
        key = jax.random.key(seed)
        return np.asarray(jitted(images, mirrored, traced(**numbers), key, max_shift=SHIFT))

    return apply


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """No entry is zero and no two are equal, so that a pixel tells where it came from."""
    n = 600 * HEIGHT * WIDTH * 2
    return (np.random.default_rng(0).permutation(n) + 1.0).astype(np.float32).reshape(600, HEIGHT, WIDTH, 2)


def shifted(image: np.ndarray, row: int, column: int) -> np.ndarray:
    """The window that starts `row` below and `column` right of the image's corner; zeros beyond."""
    result = np.zeros_like(image)
    for i in range(HEIGHT):
        for j in range(WIDTH):
            if 0 <= i + row < HEIGHT and 0 <= j + column < WIDTH:
                result[i, j] = image[i + row, j + column]
    return result


def shift_of(image: np.ndarray, cropped: np.ndarray) -> tuple[int, int]:
    found = [
        (row, column)
        for row in range(-HEIGHT + 1, HEIGHT)
        for column in range(-WIDTH + 1, WIDTH)
        if np.array_equal(shifted(image, row, column), cropped)
    ]
    assert len(found) == 1
    return found[0]


def test_at_rest_nothing_changes(apply, images) -> None:
    np.testing.assert_array_equal(apply(images), images)


def test_a_flip_mirrors_about_half_of_the_images_and_nothing_else(apply, images) -> None:
    flipped = apply(images, flip=1)
    mirrored = [np.array_equal(after, before[:, ::-1]) for before, after in zip(images, flipped, strict=True)]
    same = [np.array_equal(after, before) for before, after in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert abs(np.mean(mirrored) - 0.5) < 5 * 0.5 / np.sqrt(len(images))


def test_every_image_is_mirrored_in_exactly_every_second_epoch(apply, images) -> None:
    shown = [apply(images, epoch=epoch, seed=epoch, flip=1) for epoch in range(4)]
    np.testing.assert_array_equal(shown[1], shown[0][:, :, ::-1])
    np.testing.assert_array_equal(shown[2], shown[0])
    np.testing.assert_array_equal(shown[3], shown[1])


def test_who_begins_mirrored_is_a_fair_coin_independent_of_the_neighbours() -> None:
    first = np.asarray(alternating_flips(jnp.arange(50_000), 0))
    assert abs(first.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(first))
    for distance in (1, 2, 3, 5, 10, 100, 1000, 1024, 4096):
        agree = (first[distance:] == first[:-distance]).mean()
        assert abs(agree - 0.5) < 5 * 0.5 / np.sqrt(len(first) - distance), distance


@pytest.mark.parametrize("crop", [1, 2])
def test_what_a_crop_bares_is_the_mirrored_border(apply, images, crop) -> None:
    cropped = apply(images[:200], crop=crop, reflect=1)
    bare = apply(images[:200], crop=crop)
    padded = np.pad(images[:200], ((0, 0), (crop, crop), (crop, crop), (0, 0)), mode="reflect")
    shifts = [shift_of(before, after) for before, after in zip(images, bare, strict=False)]
    for image, after, (row, column) in zip(padded, cropped, shifts, strict=True):
        window = image[crop + row : crop + row + HEIGHT, crop + column : crop + column + WIDTH]
        np.testing.assert_array_equal(after, window)


@pytest.mark.parametrize("crop", [1, 2])
def test_a_crop_is_a_uniform_whole_shift_with_zeros_beyond(apply, images, crop) -> None:
    cropped = apply(images[:400], crop=crop)
    shifts = [shift_of(before, after) for before, after in zip(images, cropped, strict=False)]
    assert np.abs(shifts).max() == crop
    values = range(-crop, crop + 1)
    counts = [shifts.count((row, column)) for row in values for column in values]
    assert sum(counts) == 400
    assert chisquare(counts).pvalue > 1e-3  # rows, columns and their independence at once


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_hole_is_a_square_of_the_side_or_what_of_it_lies_inside(apply, images, side) -> None:
    cut = apply(images, cutout=side)
    whole = 0
    for before, after in zip(images, cut, strict=True):
        hole = (after == 0).all(-1)
        np.testing.assert_array_equal(after[~hole], before[~hole])
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole.sum() == len(rows) * len(columns)  # a rectangle
        assert len(rows) <= side
        assert len(columns) <= side
        if len(rows) and rows[0] > 0 and rows[-1] < HEIGHT - 1 and columns[0] > 0 and columns[-1] < WIDTH - 1:
            assert hole.sum() == side**2
            whole += 1
    assert whole > 50


def test_holes_are_centred_anywhere(apply, images) -> None:
    """A hole of one pixel falls on each pixel alike."""
    cut = (apply(images, cutout=1) == 0).all(-1)
    assert chisquare(cut.sum(0).ravel()).pvalue > 1e-3


def test_it_is_a_function_of_the_key(apply, images) -> None:
    strengths = {"flip": 1, "crop": 2, "cutout": 2}
    np.testing.assert_array_equal(apply(images, **strengths), apply(images, **strengths))
    assert (apply(images, **strengths) != apply(images, seed=1, **strengths)).any()
