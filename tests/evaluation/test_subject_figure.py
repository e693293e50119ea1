import matplotlib as mpl
import pytest

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.paper_style import save
from napari_unlearn.evaluation.subject_figure import draw_structures
from tests.evaluation.subjects import result, structure, subject, whole


def people(name, *values):
    return result(
        name,
        [
            subject("forget", str(n), 0.5, structures=[structure(1, "cortical grey matter", value)])
            for n, value in enumerate(values)
        ],
    )


def test_every_structure_and_run_has_a_line_with_its_mean():
    results = [people("original", 0.8, 0.9), people("oracle", 0.5, 0.6)]
    figure = draw_structures(results, ["original", "oracle", "not there"])
    (ax,) = figure.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["cortical grey matter"]
    means = [line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() in ("o", "s")]
    assert means == pytest.approx([0.85, 0.55])


def test_the_figure_is_written_with_its_words(tmp_path):
    results = [whole("original", 0.9, 0.9), whole("loss-match@50", 0.9, 0.6)]
    figure = draw_structures(results, ["original", "loss-match@50"])
    with mpl.rc_context({"svg.fonttype": "none"}):
        path = save(figure, tmp_path / "structures.svg")
    text = path.read_text()
    assert "Match the loss on unseen subjects, 50 epochs" in text
    assert "cortical grey matter" in text
    assert "white-matter lesions" not in text  # nobody has one, so there is no Dice


def test_runs_without_structures_cannot_be_drawn():
    with pytest.raises(EvaluationError, match="No Dice"):
        draw_structures([result("original", [subject("forget", "a", 0.5)])], ["original"])
