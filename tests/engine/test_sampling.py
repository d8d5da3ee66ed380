import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import qmc

from ecojax.engine.sampling import Sobol, latin_hypercube, sobol
from ecojax.errors import InputError


@pytest.mark.parametrize("sample", [sobol, latin_hypercube])
def test_seeded_in_the_cube_and_without_warnings_at_any_size(sample: Callable[..., np.ndarray]) -> None:
    for n in (0, 1, 2, 7, 20, 64):  # a warning would be an error here
        points = sample(n, 5, 3)
        assert points.shape == (n, 5)
        assert ((points >= 0) & (points < 1)).all()
        np.testing.assert_array_equal(points, sample(n, 5, 3))
    assert not np.array_equal(sample(20, 5, 3), sample(20, 5, 4))


def test_sobol_is_balanced_and_spreads_better_than_chance(rng: np.random.Generator) -> None:
    for column in sobol(64, 6, 0).T:
        assert np.bincount((column * 64).astype(int), minlength=64).tolist() == [1] * 64
    assert qmc.discrepancy(sobol(50, 4, 0)) < 0.5 * qmc.discrepancy(rng.random((50, 4)))


def test_ctrl_c_at_the_first_sobol_sequence_is_neither_lost_nor_spoils_it() -> None:
    # in a process of its own, because SciPy reads the direction numbers once
    code = """
import signal
import numpy as np
from ecojax.engine.sampling import sobol

def interrupted(*arguments, load=np.load, **options):
    np.load = load
    signal.raise_signal(signal.SIGINT)
    return load(*arguments, **options)

np.load = interrupted
try:
    sobol(4, 3, 0)
except KeyboardInterrupt:
    print("interrupted", len(np.unique(sobol(4, 3, 0), axis=0)))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["interrupted", "4"]


def test_latin_hypercube_has_one_point_a_slice() -> None:
    for column in latin_hypercube(13, 4, 1).T:
        assert sorted((column * 13).astype(int)) == list(range(13))


def test_impossible_counts_are_refused() -> None:
    for bad in ((-1, 2), (4, 0), (4, 30_000)):
        with pytest.raises(InputError, match=str(max(bad))):
            sobol(*bad, 0)


def test_points_of_the_sequence_are_the_same_wherever_reading_begins(rng: np.random.Generator) -> None:
    whole = sobol(4096, 7, 5)
    sequence = Sobol(7, 5)
    for start in [0, 1, 255, 256, *rng.integers(0, 4000, 30), 0]:
        np.testing.assert_array_equal(list(sequence.points(start, start + 70)), whole[start : start + 70])
    np.testing.assert_array_equal(list(Sobol(7, 5).points(3000, 3001)), whole[3000:3001])
    assert list(sequence.points(5, 5)) == []
    with pytest.raises(InputError, match="dimensions"):
        list(Sobol(21202, 0).points(0, 1))
