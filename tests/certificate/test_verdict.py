"""The verdict: supported only where the interval over patients says so."""

import pytest

from napari_unlearn.certificate.content import AuditEntry, Finding
from napari_unlearn.certificate.measure import Measured, Value
from napari_unlearn.certificate.verdict import judge


def measured(patients=6, retain=0.0, agreement=35.0, fault=0.05):
    """Runs before and after on a set of each kind, one image per patient."""
    values = []
    for number in range(patients):
        jitter = 0.01 * number
        figures = {
            ("before", "site_test"): {"agreement": 20.0, "fault": 0.9},
            ("after", "site_test"): {"agreement": agreement, "fault": fault},
            ("before", "retain_test"): {"psnr": 30.0},
            ("after", "retain_test"): {"psnr": 30.0 + retain},
        }
        values += [
            Value(run, name, f"s{number}", f"p{number}", 0, quantity, value + jitter)
            for (run, name), own in figures.items()
            for quantity, value in own.items()
        ]
    return Measured(tuple(values))


def attacked(*said):
    findings = [Finding(question="A claim", answer=each, sentence="why") for each in said]
    return AuditEntry(
        hold_out="strangers", members=6, others=6, command="", findings=findings, figures=(),
        remarks=(),
    )  # fmt: skip


def answers(found, audit=None, oracle="oracle", parent="before"):
    verdict = judge(found, parent, "after", oracle, "reconstruction", audit)
    return verdict.answer, [finding.answer for finding in verdict.findings]


def test_nearer_to_the_oracle_without_the_fault_and_as_good_as_before_is_supported():
    answer, found = answers(measured())
    assert answer == "supported"
    assert found == ["supported", "supported", "supported", "cannot tell"]


@pytest.mark.parametrize(
    ("what", "place"),
    [({"agreement": 15.0}, 0), ({"fault": 0.8}, 1), ({"retain": -3.0}, 2)],
)
def test_one_failed_test_is_enough_against_it(what, place):
    answer, found = answers(measured(**what))
    assert answer == "not supported"
    assert found[place] == "not supported"


def test_few_patients_or_no_oracle_or_no_parent_cannot_tell():
    assert answers(measured(patients=4))[0] == "cannot tell"
    assert answers(measured(), oracle=None)[0] == "cannot tell"
    assert answers(measured(), parent=None)[0] == "cannot tell"
    assert answers(Measured(()))[0] == "cannot tell"


def test_an_attack_that_succeeds_overrules_good_images():
    assert answers(measured(), attacked("supported", "not supported"))[0] == "not supported"
    assert answers(measured(), attacked("supported", "supported"))[0] == "supported"
    assert answers(measured(), attacked("supported", "cannot tell"))[0] == "cannot tell"


def test_without_an_attack_the_summary_says_that_none_was_made():
    verdict = judge(measured(), "before", "after", "oracle", "reconstruction", None)
    assert "was not tested" in verdict.sentence
