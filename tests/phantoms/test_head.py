import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.subject3d import CONTRASTS, Structure
from napari_unlearn.phantoms.head import SHAPE, simulate_head

USUAL = range(Structure.BRAIN_STEM + 1)
SEEDS = range(8)


@pytest.fixture(scope="module")
def heads():
    return [simulate_head(seed, pathology="none") for seed in SEEDS]


def signal(head, contrast, structure):
    return float(np.median(head.images[CONTRASTS.index(contrast)][head.labels == structure]))


def overlap(first, second):
    """Share of voxels of either head's inside on which two label maps agree."""
    inside = (first > 0) | (second > 0)
    return float((first == second)[inside].mean())


def test_same_seed_same_head_other_seed_another():
    first, again, other = (simulate_head(seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.affine, again.affine)
    assert overlap(first.labels, other.labels) < 0.7
    assert first.subject == "head-0007"


def test_shapes_and_number_types_are_those_of_a_subject(heads):
    head = heads[0]
    assert head.images.shape == (3, *SHAPE)
    assert head.images.dtype == np.float32
    assert head.labels.shape == SHAPE
    assert head.labels.dtype == np.uint8
    assert head.voxel_size == pytest.approx((144 / 40, 230 / 56, 230 / 56))


def test_every_head_has_every_usual_structure(heads):
    for head in heads:
        assert np.bincount(head.labels.ravel(), minlength=11)[USUAL].min() >= 8
        assert head.labels.max() <= Structure.BRAIN_STEM


def test_structures_lie_where_they_belong_in_the_scanner(heads):
    for head in heads:
        centre = {
            structure: (head.affine @ [*np.argwhere(head.labels == structure).mean(0), 1])[:3]
            for structure in (Structure.CEREBELLUM, Structure.VENTRICLE, Structure.CORTICAL_GREY)
        }
        low, high = centre[Structure.CEREBELLUM], centre[Structure.VENTRICLE]
        # RAS+: the cerebellum lies behind and below the ventricles, both in the middle.
        assert low[1] < high[1] - 10
        assert low[2] < high[2] - 20
        assert np.abs([low[0], high[0]]).max() < 25


def test_fluid_is_dark_on_every_contrast_and_lesions_shine_on_flair(heads):
    for head in heads:
        for contrast in CONTRASTS:
            tissue = [signal(head, contrast, s) for s in USUAL if s not in (0, Structure.CSF, 6)]
            assert signal(head, contrast, Structure.CSF) < 0.8 * min(tissue)
            assert signal(head, contrast, Structure.VENTRICLE) < 0.8 * min(tissue)
        shining = signal(head, "FLAIR", Structure.LESION)
        assert shining > 1.15 * signal(head, "FLAIR", Structure.CORTICAL_GREY)


def test_white_matter_outshines_grey_on_t1_and_not_on_flair(heads):
    for head in heads:
        for contrast in ("T1", "T1-IR"):
            white = signal(head, contrast, Structure.WHITE)
            grey = signal(head, contrast, Structure.CORTICAL_GREY)
            deep = signal(head, contrast, Structure.BASAL_GANGLIA)
            assert grey < deep < white
        assert signal(head, "FLAIR", 3) < signal(head, "FLAIR", 1)


def test_the_air_is_zero_so_that_a_border_can_be_cropped(heads):
    for head in heads:
        assert (head.images[:, :, :2, :2] == 0).all()
        assert (head.images[:, head.labels > 0] > 0).all()


def test_subjects_differ_in_what_can_be_remembered_of_them(heads):
    volumes = np.array([np.bincount(head.labels.ravel(), minlength=11) for head in heads])
    ventricles = volumes[:, Structure.VENTRICLE]
    assert ventricles.max() > 1.8 * ventricles.min()
    pairs = [
        overlap(first.labels, second.labels)
        for index, first in enumerate(heads)
        for second in heads[:index]
    ]
    assert max(pairs) < 0.75


def test_without_variation_heads_share_all_but_their_folds():
    alike = [simulate_head(seed, pathology="none", variation=0).labels for seed in (1, 2)]
    different = [simulate_head(seed, pathology="none").labels for seed in (1, 2)]
    assert overlap(*alike) > overlap(*different) + 0.1
    inner = (Structure.VENTRICLE, Structure.BASAL_GANGLIA, Structure.CEREBELLUM)
    for structure in inner:
        np.testing.assert_array_equal(*[labels == structure for labels in alike])


def test_anatomy_does_not_depend_on_the_matrix():
    coarse, fine = (
        simulate_head(3, shape, pathology="none").labels for shape in ((40, 56, 56), (80, 112, 112))
    )
    same = [overlap(coarse, fine[i::2, j::2, k::2]) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    other = simulate_head(4, (80, 112, 112), pathology="none").labels[::2, ::2, ::2]
    assert min(same) > 0.75
    assert overlap(coarse, other) < 0.65


@pytest.mark.parametrize(
    ("pathology", "structure"),
    [("infarct", Structure.INFARCTION), ("tumour", Structure.OTHER)],
)
def test_a_finding_is_labelled_and_leaves_the_rest_of_the_head_alone(pathology, structure):
    for seed in range(3):
        healthy, ill = (simulate_head(seed, pathology=p) for p in ("none", pathology))
        changed = healthy.labels != ill.labels
        assert (ill.labels == structure).sum() > 40
        assert changed.mean() < 0.02
        np.testing.assert_array_equal(healthy.affine, ill.affine)
        # Not a new scan: away from the finding the voxels are what they were.
        assert (healthy.images == ill.images)[:, ill.labels > 0].mean() > 0.7


def test_a_cyst_belongs_to_the_ventricle_and_atrophy_widens_all_fluid():
    for seed in range(3):
        healthy, cyst, atrophied = (
            simulate_head(seed, pathology=p).labels for p in ("none", "cyst", "atrophy")
        )
        ventricle = (healthy == Structure.VENTRICLE).sum()
        assert (cyst == Structure.VENTRICLE).sum() > ventricle + 40
        assert (atrophied == Structure.VENTRICLE).sum() > ventricle
        assert (atrophied == Structure.CSF).sum() > (healthy == Structure.CSF).sum()


def test_raters_draw_the_same_images_differently():
    plain, generous, sparing = (
        simulate_head(2, pathology="none", rater=r) for r in ("plain", "generous", "sparing")
    )
    np.testing.assert_array_equal(plain.images, generous.images)
    np.testing.assert_array_equal(plain.images, sparing.images)

    def volume(head, structure):
        return int((head.labels == structure).sum())

    for structure in (Structure.BASAL_GANGLIA, Structure.CORTICAL_GREY):
        sizes = [volume(head, structure) for head in (sparing, plain, generous)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[1] < sizes[2]
    assert volume(sparing, Structure.LESION) == 0


def test_findings_are_the_exception():
    found = [simulate_head(seed, (16, 16, 16)).source for seed in range(60)]
    healthy = sum("pathology none" in source for source in found)
    assert 30 <= healthy <= 50
    assert any("infarct" in source for source in found)
    assert any("cyst" in source for source in found)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seed": -1}, "0 or more"),
        ({"seed": 0, "shape": (40, 8, 40)}, "at least 16"),
        ({"seed": 0, "pathology": "flu"}, "No pathology 'flu'"),
        ({"seed": 0, "rater": "tired"}, "No rater 'tired'"),
        ({"seed": 0, "variation": 3}, "0 to 2"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, sentence):
    with pytest.raises(UnlearnError, match=sentence):
        simulate_head(**arguments)
