import os
import sys
from pathlib import Path

import numpy as np
import pytest
from pymoo.problems import get_problem

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.engine import cells, closed_forms, lcbench, tables  # noqa: E402
from benchmarks.engine.ledger import CHECKPOINTS, GRID, Ledger  # noqa: E402
from benchmarks.engine.problem import volume  # noqa: E402
from benchmarks.engine.report import signed_rank_p  # noqa: E402

TABLES = Path(os.environ.get("ECOJAX_TABLES", ROOT.parent / "shared" / "data" / "tables"))


@pytest.fixture(params=tables.TABLES)
def table(request: pytest.FixtureRequest) -> tables.TableProblem:
    if not (TABLES / f"{request.param}.npz").exists():
        pytest.skip(f"the table {request.param} is not in the folder ECOJAX_TABLES")
    return tables.load(request.param, TABLES)


@pytest.mark.parametrize("name", closed_forms.DIMENSIONS)
def test_the_functions_are_pymoos(name: str, rng: np.random.Generator) -> None:
    low, high = np.array(closed_forms.bounds(name)).T
    X = rng.uniform(low, high, (50, len(low)))
    arguments = {"n_var": len(low)} | ({"n_obj": 3} if name == "dtlz2" else {})
    theirs = get_problem(name, **arguments).evaluate(X)

    np.testing.assert_allclose(closed_forms.FUNCTIONS[name](X), theirs, rtol=1e-10)


@pytest.mark.parametrize("name", closed_forms.DIMENSIONS)
@pytest.mark.parametrize("reference", ["reference", "strict_reference"])
def test_the_true_front_has_ratio_one(name: str, reference: str) -> None:
    """A dense sample of it lies just below, and never above."""
    problem = closed_forms.load(name)
    if name == "dtlz2":
        angles = np.linspace(0, 1, 150)
        X = np.full((150**2, closed_forms.DIMENSIONS[name]), 0.5)
        X[:, 0], X[:, 1] = (grid.ravel() for grid in np.meshgrid(angles, angles))
    else:
        X = np.zeros((20_000, closed_forms.DIMENSIONS[name]))
        X[:, 0] = np.linspace(0, 1, len(X))
    F = problem.function(X)
    ratio = problem.ratio(F) if reference == "reference" else problem.strict_ratio(F)
    assert (0.98 if name == "dtlz2" else 0.9995) < ratio <= 1


def test_zdt1s_hypervolume_is_the_literatures() -> None:
    assert closed_forms.true_hypervolume("zdt1", np.array([1.1, 1.1])) == pytest.approx(0.21 + 2 / 3)


def test_random_search_on_zdt1_has_the_recorded_ratios(rng: np.random.Generator) -> None:
    """0.47, 0.51, 0.54, 0.58 at 50, 100, 200, 500 trials, as others measured it."""
    problem = closed_forms.load("zdt1")
    for n, recorded in zip(CHECKPOINTS, (0.47, 0.51, 0.54, 0.58), strict=True):
        ratios = [problem.ratio(problem.function(rng.random((n, 12)))) for _ in range(101)]
        assert np.median(ratios) == pytest.approx(recorded, abs=0.03)


def test_every_row_of_a_table_is_found_by_its_configuration(
    table: tables.TableProblem, rng: np.random.Generator
) -> None:
    assert sorted(table.row.ravel()) == list(range(len(table.F)))
    assert table.space.size() == len(table.F)
    for row in rng.integers(0, len(table.F), 50):
        levels = np.argwhere(table.row == row)[0]
        configuration = {p.name: p.choices[level] for p, level in zip(table.space, levels, strict=True)}
        assert table.lookup(configuration) == row
        np.testing.assert_array_equal(table.objectives(configuration), table.F[row])


def test_a_tables_own_front_has_ratio_one(table: tables.TableProblem) -> None:
    assert table.ratio(table.F) == pytest.approx(1)
    assert table.strict_ratio(table.F) == pytest.approx(1)
    assert 0 < table.strict_hypervolume < table.true_hypervolume


def test_one_trainings_noise_is_one_of_those_drawn(table: tables.TableProblem) -> None:
    configuration = table.space.default()
    drawn = {float(table.noisy(configuration, np.random.default_rng(seed))[0]) for seed in range(40)}
    trainings = table.trainings[table.lookup(configuration)]
    assert drawn == set(trainings[np.isfinite(trainings)])
    assert table.noisy(configuration, np.random.default_rng(0))[1] == table.objectives(configuration)[1]


def test_parameters_are_known_and_the_loss_is_not(table: tables.TableProblem) -> None:
    known = table.known(table.space.default())
    assert np.isnan(known[0])
    assert known[1] == table.objectives(table.space.default())[1]


def test_repeats_are_evaluations_and_the_surplus_of_a_generation_is_none() -> None:
    problem = closed_forms.load("zdt1")
    ledger = Ledger(problem, trials=20)
    for _ in range(30):
        ledger(problem.space.default())
    record = ledger.record()
    assert (record["evaluations"], record["repeated"]) == (20, 19)
    assert len(record["ratio"]) == len([point for point in GRID if point <= 20]) == 2


def test_points_beyond_the_reference_add_no_volume() -> None:
    reference = np.array([1.0, 1.0])
    assert volume([[0.5, 0.5], [0.1, 2.0]], reference) == 0.25
    assert volume([[2.0, 0.1]], reference) == 0


def test_a_clear_win_is_significant_and_a_tie_is_not() -> None:
    theirs = np.linspace(0.5, 0.6, 15)
    assert signed_rank_p(theirs + 0.1, theirs) < 1e-4
    assert signed_rank_p(theirs, theirs) == 1
    assert signed_rank_p(theirs - 0.1, theirs) > 0.99
    assert signed_rank_p([1.0], [0.5]) is None


@pytest.fixture
def cell_problem() -> cells.CellProblem:
    if not (TABLES / f"{cells.TABLE}.npz").exists():
        pytest.skip(f"the table {cells.TABLE} is not in the folder ECOJAX_TABLES")
    return cells.load(cells.NAME, TABLES)


def test_cells_are_as_many_networks_as_were_published(cell_problem: cells.CellProblem) -> None:
    """EC-NAS-Bench has 2,532 different cells of up to five vertices and nine edges, by their graphs' hashes."""
    with np.load(TABLES / f"{cells.TABLE}.npz") as data:
        hashes = set(data["hash"])
    assert len(cell_problem.rows) == len(hashes) == 2532


def test_a_cell_is_the_same_in_another_order_and_with_idle_vertices() -> None:
    def edges(*pairs: tuple[int, int]) -> np.ndarray:
        return np.array([pair in pairs for pair in cells.PAIRS])

    one = cells.canonical(edges((0, 1), (1, 4), (0, 2), (2, 4)), np.array([0, 1, 2]))
    other = cells.canonical(edges((0, 2), (2, 4), (0, 3), (3, 4)), np.array([2, 1, 0]))
    idle = cells.canonical(edges((0, 1), (1, 4), (0, 2), (2, 4), (0, 3)), np.array([0, 1, 2]))
    assert one == other == idle
    assert cells.canonical(edges((0, 1), (1, 3)), np.array([0, 1, 2])) is None
    assert cells.canonical(edges((0, 4)), np.array([0, 1, 2])) == ((), ((0, 1),))


def test_a_curve_counts_by_every_checkpoint_strictly_and_by_its_end_otherwise() -> None:
    if not (TABLES / f"{lcbench.TABLE}.npz").exists():
        pytest.skip(f"the table {lcbench.TABLE} is not in the folder ECOJAX_TABLES")
    problem = lcbench.load("lcbench_126026", TABLES)
    with np.load(TABLES / f"{lcbench.TABLE}.npz") as data:
        configuration = dict(zip(map(str, data["config_names"]), map(float, data["unit"][7]), strict=True))
        curve = data["curves"][0, 7, :, :2]
    np.testing.assert_array_equal(problem.strictly(configuration), curve)
    np.testing.assert_array_equal(problem.objectives(configuration), curve[-1])
    assert problem.strict_ratio(problem.curves.reshape(-1, 2)) == pytest.approx(1)
