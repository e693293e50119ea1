import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from tests.tiny_study import TOML, write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study")


def test_the_original_learns_both_sets_and_the_oracle_only_the_retain_set(study):
    experiment = Experiment.load(study)
    original, oracle = experiment.training_job("original"), experiment.training_job("oracle")
    assert {scan.header.name for scan in original.retain.scans} == {
        "brain_0000",
        "brain_0001",
        "brain_0002",
    }
    assert {scan.header.name for scan in oracle.retain.scans} == {"brain_0000", "brain_0001"}
    assert (original.card.forget_scans, oracle.card.forget_scans) == (1, 0)


def test_unlearning_takes_all_of_the_forget_set_and_a_share_of_the_retain_set(study):
    experiment = Experiment.load(study)
    (experiment.run_folder("original")).mkdir(parents=True)
    (experiment.run_folder("original") / "checkpoint.safetensors").touch()
    job = experiment.unlearning_job("nl-ft", {"scale": 0.5}, epochs=3, retain_fraction=0.25)
    assert len(job.forget) == 2
    assert len(job.retain) == 1
    assert job.total_steps == 6
    assert job.strategy.forget.scale == 0.5


def test_full_fine_tuning_takes_the_whole_retain_set_whatever_the_fraction(study):
    experiment = Experiment.load(study)
    (experiment.run_folder("original")).mkdir(parents=True)
    (experiment.run_folder("original") / "checkpoint.safetensors").touch()
    share = experiment.unlearning_job("ft", retain_fraction=0.25)
    whole = experiment.unlearning_job("full-ft", retain_fraction=0.25)
    assert len(whole.retain) == len(experiment.samples("retain")) > len(share.retain)
    assert whole.card.retain_scans == len(whole.retain.scans)


def test_unlearning_without_an_original_says_what_to_run_first(study):
    with pytest.raises(UnlearnError, match="train --role original"):
        Experiment.load(study).unlearning_job("ft")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("acceleration = 4", 'acceleration = "four"', "sampling.acceleration"),
        ("epochs = 2", "epochs = 0", "training.epochs"),
        ("epochs = 2", "epocs = 2", "training.epocs"),
        ('name = "miniature"', "", "'name' is missing"),
        ('retain = ["data/retain"]', "retain = []", "data.retain"),
        ("[sampling]", "[sampling", "not a TOML file"),
    ],
)
def test_a_mistake_in_the_file_names_key_and_file(study, old, new, said):
    (study / "experiment.toml").write_text(TOML.replace(old, new))
    with pytest.raises(UnlearnError) as caught:
        Experiment.load(study)
    assert said in str(caught.value)
    assert "experiment.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_forget_folder_is_an_error(study):
    for path in (study / "data" / "forget").iterdir():
        path.unlink()
    with pytest.raises(UnlearnError, match="no scan found"):
        Experiment.load(study).training_job("original")


def test_a_folder_without_experiment_is_one_sentence(tmp_path):
    with pytest.raises(UnlearnError, match="cannot be read"):
        Experiment.load(tmp_path)
