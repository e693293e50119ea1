import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_unlearn import __version__
from napari_unlearn.audit.audit import audit
from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.inversion import Probe
from napari_unlearn.audit.options import Options
from napari_unlearn.audit.result import Audit
from napari_unlearn.cancel import CancelToken
from napari_unlearn.cli import app
from napari_unlearn.errors import Cancelled, UnlearnError, WrongUse
from napari_unlearn.evaluation.relearn import Attack
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint, sha256
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.record import CHECKPOINT
from tests.tiny_heads import write_heads
from tests.tiny_study import write_study
from tests.unlearning.allocator import no_memory

ATTACK = Attack(samples=1, test_slices=1, limit=2)
PROBE = Probe(steps=2, people=2)


def put_run(study, name, seed, **about):
    """A network that nobody trained, as a finished run."""
    torch.manual_seed(seed)
    network = build(study.model.architecture, dict(study.model.parameters))
    folder = study.run_folder(name)
    folder.mkdir(parents=True)
    parameters = dict(study.model.parameters)
    card = Card(architecture=study.model.architecture, parameters=parameters, **about)
    save_checkpoint(folder / CHECKPOINT, network, card)


def furnished(study):
    for seed, name in enumerate(("original", "oracle")):
        put_run(study, name, seed)
    put_run(study, "ft", 1, strategy="ft", metrics={"steps": 1.0})  # the oracle's very weights
    return study


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return furnished(Experiment.load(write_study(tmp_path_factory.mktemp("scans"))))


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return furnished(Experiment.load(write_heads(tmp_path_factory.mktemp("heads"))))


def outcome(study, **options):
    *_, found = audit(study, Options(**options), "cpu")
    return found


def test_a_reconstruction_is_audited_slice_by_slice_under_names_of_nobody(scans):
    found = outcome(scans, hold_out="site_test", relearn=None)
    assert (found.samples, found.members, found.others) == ("slice", 1, 1)
    assert [run.name for run in found.runs] == ["original", "oracle", "ft"]
    assert set(found.run("ft").losses) == {"forget 1", "other 1"}
    assert len(found.run("ft").losses["forget 1"]) == 2  # slices
    assert "brain" not in found.json()


def test_it_says_which_files_it_attacked_when_and_with_which_seeds(heads):
    found = outcome(heads, relearn=None)
    assert {run.name: run.sha256 for run in found.runs} == {
        name: sha256(path) for name, path in heads.runs.items()
    }
    assert found.seeds == {"intervals": 0}
    assert datetime.fromisoformat(found.made).utcoffset() == timedelta(0)
    assert found.versions["napari-unlearn"] == __version__


def test_a_run_with_the_oracles_weights_is_no_distance_from_it(heads):
    found = outcome(heads, relearn=None).run("ft")
    assert (found.auc_gap.value, found.privleak, found.ks.value, found.ks.p) == (0, 0, 0, 1)
    assert found.damage.forgotten.value == found.damage.strangers.value == 0


def test_all_attacks_on_a_segmentation_stand_beside_the_oracle(heads):
    found = outcome(heads, relearn=ATTACK, inversion=PROBE, shadows=2)
    own = found.run("ft")
    assert found.hold_out == "nonmember"
    assert own.inversion_gap.value == 0
    assert own.lira_gap.value == 0
    assert 0 <= own.lira.value <= 1
    assert [v.claim for v in own.verdicts][-1].startswith("Nothing more can be drawn out")
    assert len(own.verdicts) == 6
    relearning = own.verdicts[3]
    if own.relearned is None:  # the original of chance may know less than the oracle
        assert found.remarks[0] in relearning.why
    else:
        assert own.relearned == found.run("oracle").relearned


def test_all_attacks_on_a_reconstruction_stand_beside_the_oracle(scans):
    found = outcome(scans, hold_out="site_test", relearn=ATTACK, inversion=PROBE)
    assert found.run("ft").inversion_gap.value == 0
    assert np.isfinite(found.run("original").inversion.value)


def test_without_an_oracle_questions_stay_open(tmp_path):
    study = Experiment.load(write_heads(tmp_path))
    put_run(study, "original", 0)
    put_run(study, "ft", 1)
    found = outcome(study)
    assert {v.answer for v in found.run("ft").verdicts} == {"cannot tell without an oracle"}


def test_what_was_written_is_read_again(heads, tmp_path):
    found = outcome(heads, relearn=None)
    found.write(tmp_path / "audit.json")
    assert Audit.read(tmp_path / "audit.json") == found
    (tmp_path / "audit.json").write_text("{}")
    with pytest.raises(AuditError, match="not a file of an audit"):
        Audit.read(tmp_path / "audit.json")


def test_a_hold_out_must_be_a_test_set_of_strangers(scans):
    with pytest.raises(WrongUse, match="a test set called nonmember or forget_test"):
        outcome(scans)
    with pytest.raises(WrongUse, match="'retain' is no test set"):
        outcome(scans, hold_out="retain")
    data = scans.data.model_copy(update={"tests": {"forget_test": ["data/forget/*.h5"]}})
    learnt = scans.model_copy(update={"data": data})
    with pytest.raises(AuditError, match="1 of the people of the hold-out 'forget_test' are in"):
        outcome(learnt)


def test_the_set_nonmember_is_for_attacks_alone_of_scans_as_of_heads(scans):
    tests = {**scans.data.tests, "nonmember": ["data/site_test/*.h5"]}
    known = scans.model_copy(update={"data": scans.data.model_copy(update={"tests": tests})})
    assert outcome(known, relearn=None).hold_out == "nonmember"
    assert known.watched == tuple(scans.data.tests)


def test_runs_that_are_not_there_are_refused(heads, tmp_path):
    with pytest.raises(WrongUse, match="no run 'nl'"):
        outcome(heads, runs=("nl",))
    with pytest.raises(AuditError, match="has no runs yet"):
        outcome(Experiment.load(write_heads(tmp_path)))


def test_an_audit_can_be_stopped(heads):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(audit(heads, Options(), "cpu", cancel))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"shadows": 3}, "in pairs"), ({"margin": 0.0}, "between 0 and 0.5")],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(AuditError, match=said):
        Options(**options)


def test_the_command_writes_the_audit_and_prints_it(heads, tmp_path):
    figure = tmp_path / "losses.png"
    asked = ["audit", str(heads.folder), "--run", "ft", "--no-relearn", "--figure", str(figure)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "cannot be told from strangers" in result.output
    written = Audit.read(heads.folder / "runs" / "audit.json")
    assert written.command == "napari-unlearn audit EXP --run ft --no-relearn"
    assert figure.stat().st_size > 10_000
    printed = CliRunner().invoke(app, [*asked[:5], "--json"])
    assert json.loads(printed.stdout)["experiment"] == "heads"


def test_an_audit_leaves_the_one_before_it_beside_itself(heads, tmp_path):
    """It may be about other runs, have cost hours, and stand in a certificate by its hash."""
    first = replace(outcome(heads, relearn=None), made="2026-11-22T03:00:00+00:00")
    second = replace(first, command="again", made="2026-11-23T03:00:00+00:00")
    path = first.put(tmp_path)
    whole = path.read_bytes()
    for found in (second, second, first):
        found.put(tmp_path)
    kept = sorted((tmp_path / "runs").glob("audit-*.json"))
    assert [each.name[:17] for each in kept] == ["audit-2026-11-22-", "audit-2026-11-23-"]
    assert kept[0].read_bytes() == whole
    assert Audit.read(kept[1]) == second
    path.write_text("damaged")
    second.put(tmp_path)
    assert Audit.read(path) == second
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_memory_that_runs_out_is_one_sentence(heads):
    with (
        no_memory(),
        pytest.raises(UnlearnError, match="cpu ran out of memory while attacking") as e,
    ):
        outcome(heads, relearn=None)
    assert "\n" not in str(e.value)


def test_the_command_needs_an_experiment():
    assert CliRunner().invoke(app, ["audit"]).exit_code == 2
