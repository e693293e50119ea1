import pytest

from napari_unlearn.audit.self_test import run_self_test, text


@pytest.mark.long
def test_attacks_find_what_was_learnt_by_heart_and_nothing_in_an_untrained_model():
    *_, checks = run_self_test()
    assert [check.task for check in checks] == ["reconstruction"] * 3 + ["segmentation"] * 3
    assert all(check.passed for check in checks), text(checks)
