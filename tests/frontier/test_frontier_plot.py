import matplotlib.image
import pytest

from ecojax.errors import InputError
from ecojax.frontier.plot import draw, plot

MORE = {"accuracy_se": 0.01, "energy_per_sample_j_ci95": 1e-7}
POINTS = [(0.9, 1e-4), (0.8, 1e-5), (0.5, 1e-6), (0.4, 5e-5), None]


@pytest.mark.parametrize(
    ("points", "objectives"),
    [
        (POINTS, ("accuracy", "energy_per_sample_j")),
        ([(0.9, 1e-4)], ("accuracy", "energy_per_sample_j")),
        ([(0.9, 1.1e-4), (0.8, 1.0e-4)], ("accuracy", "energy_per_sample_j")),
        ([(0.9, 0.0)], ("accuracy", "energy_per_sample_j")),
        ([(1e-5, 0.9), (1e-6, 0.5)], ("energy_per_sample_j", "accuracy")),
        ([(1e-5, 100), (1e-4, 10)], ("energy_per_sample_j", "parameters")),
        ([(0.9, 1e-5, 100), (0.8, 1e-4, 10)], ("accuracy", "energy_per_sample_j", "parameters")),
        ([(0.5,), (0.9,), (0.8,)], ("accuracy",)),
    ],
)
def test_every_kind_of_study_becomes_a_legible_png(make_study, tmp_path, points, objectives):
    path = tmp_path / "frontier.png"
    plot(make_study(points, objectives, more=MORE), path)
    height, width, _ = matplotlib.image.imread(path).shape
    assert (width, height) == (1280, 800)


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_formats(make_study, tmp_path, suffix, start):
    path = tmp_path / f"frontier{suffix}"
    plot(make_study(POINTS), path)
    assert path.read_bytes().startswith(start)


def test_labels_state_unit_batch_provenance_and_dataset(make_study):
    figure = draw(make_study(POINTS, more=MORE))
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith("energy per inference at batch 64 (µJ)\nmodeled (CPU time")
    assert axes.get_xscale() == "log"
    assert axes.get_ylabel() == "validation accuracy (%)"
    assert figure.get_suptitle() == "digits-1 · Digits"


@pytest.mark.parametrize("costs", [(6.5e-5, 1.8e-4), (1.01e-4, 1.09e-4), (1e-6, 2e-5), (1e-8, 1e-3)])
def test_a_log_axis_has_three_figures_however_narrow_it_is(make_study, costs):
    (axes,) = draw(make_study([(0.9, costs[1]), (0.5, costs[0])])).axes
    low, high = axes.get_xlim()
    assert axes.get_xscale() == "log"
    assert sum(low <= tick <= high for tick in axes.get_xticks()) >= 3


def test_error_bars_are_95_percent_intervals(make_study):
    (axes,) = draw(make_study([(0.9, 1e-4)], more=MORE)).axes
    (bars,) = axes.containers
    horizontal, vertical = (collection.get_segments()[0] for collection in bars.lines[2])
    assert horizontal[:, 0] == pytest.approx([99.9, 100.1])
    assert vertical[:, 1] == pytest.approx([90 - 1.96, 90 + 1.96])


def test_infeasible_trials_are_marked_as_such(make_study):
    study = make_study(POINTS, constraints={"accuracy": {"min": 0.6}})
    _, labels = draw(study).axes[0].get_legend_handles_labels()
    assert {"frontier (2)", "beyond a constraint (2)", "knee (trial 0)"} <= set(labels)


def test_a_plot_that_cannot_be_written_leaves_nothing(make_study, tmp_path):
    study = make_study(POINTS)
    with pytest.raises(InputError, match=r"its suffix must be one of \.png, \.svg, \.pdf"):
        plot(study, tmp_path / "frontier.gif")
    with pytest.raises(InputError, match="No such file or directory"):
        plot(study, tmp_path / "nowhere" / "frontier.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        plot(study, tmp_path / "folder.png")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["digits-1", "folder.png"]


def test_nothing_to_draw(make_study, tmp_path):
    with pytest.raises(InputError, match="no complete trial to draw"):
        plot(make_study([None]), tmp_path / "frontier.png")
