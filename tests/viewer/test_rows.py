from napari_unlearn.viewer.rows import as_text, error_text, listed_regions, metric_rows


def test_volume_figures_and_counts(comparison):
    assert metric_rows(comparison, None)[2] == (
        "Unlearned",
        "31.3",
        "0.894",
        "0.0123",
        "1",
        "1",
        "1",
    )


def test_slice_figures_and_counts(comparison):
    assert metric_rows(comparison, 0)[0] == ("Original", "30.0", "0.800", "0.0100", "0", "0", "0")
    assert metric_rows(comparison, 1)[0][4:] == ("1", "1", "0")


def test_arms_without_figures_say_so(without_reference):
    assert metric_rows(without_reference, None)[0][1:4] == ("–", "–", "–")


def test_regions_come_largest_first_and_not_twice(comparison):
    pairs = listed_regions(comparison)
    areas = [region.area for _, region in pairs]
    assert areas == sorted(areas, reverse=True)
    assert {arm.name for arm, _ in pairs} == {"Oracle", "Unlearned"}


def test_text_has_a_header_and_a_line_per_arm(comparison):
    lines = as_text(metric_rows(comparison, None), ",").splitlines()
    assert lines[0] == "Model,PSNR,SSIM,NMSE,removed,remaining,introduced"
    assert len(lines) == 4


def test_an_error_that_nobody_knows_is_a_dash():
    assert [error_text(each) for each in (0.123, -0.08, float("nan"))] == ["+12 %", "-8 %", "–"]
