"""From an outlined hallucination back to the slices that taught it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.evaluation.influence import HEALED, Healing, flat_gradient
from napari_unlearn.evaluation.invention import Outline, find_invention, surroundings
from napari_unlearn.evaluation.responsibility import Asked
from napari_unlearn.evaluation.responsible import find_responsible
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.phantoms.sites import SITE_B
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.task import Reconstruction

from .planted import MARKER, SAMPLING, brain, marked, outline, plant

pytestmark = pytest.mark.long

METHODS = ("healing", "alignment")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return plant(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def untuned(tmp_path_factory):
    """Other weights, other training scans: see docs/responsible.md."""
    return plant(tmp_path_factory.mktemp("untuned"), seed=8)


@pytest.fixture(scope="module")
def clean():
    """A held-out scan of the contaminated site, its reference without the marker."""
    return brain(40, SITE_B)


def search(planted, scan, *, inside=None, sets=None, cancel=None, **how):
    region = Outline(scan, 0, outline() if inside is None else inside, how.pop("against", None))
    return find_responsible(
        planted.checkpoint,
        sets or planted.sets,
        region,
        sampling=SAMPLING,
        device="cpu",
        cancel=cancel,
        **how,
    )


def ranking(*args, **how):
    *_, found = search(*args, **how)
    return found


def recall_at_ten(found):
    return sum(each.set == "forget" for each in found.slices[:10]) / 10


def test_the_network_invents_the_marker_on_a_clean_scan_of_the_site(planted, clean):
    model = load_checkpoint(planted.checkpoint)[0]
    mask = SliceSet([clean], SAMPLING).mask(0, None)
    region = Outline(clean, 0, outline())
    invention = find_invention(region, model, mask, torch.device("cpu"), CancelToken())
    planted_height = (marked(clean).targets - clean.targets)[0][MARKER].mean()
    painted = invention.painted[0][MARKER].mean()
    assert painted > 0.2 * planted_height
    assert invention.against == "reference"


@pytest.mark.parametrize("against", ["reference", "surroundings"])
def test_outlining_the_marker_finds_the_ten_slices_it_was_learnt_from(planted, clean, against):
    found = ranking(planted, clean, method="healing", against=against)
    assert found.against == against
    assert recall_at_ten(found) >= 0.8


@pytest.mark.parametrize("against", ["reference", "surroundings"])
def test_alignment_finds_them_twice_as_often_as_chance(planted, clean, against):
    """Weaker, and not the default: 0.7 and 0.7 here, 0.5 to 1.0 on other networks."""
    found = ranking(planted, clean, method="alignment", against=against)
    assert found.against == against
    assert recall_at_ten(found) >= 2 * 0.25


@pytest.mark.parametrize("scan", [8040, 8041])
def test_networks_and_scans_that_nothing_was_tuned_on_are_answered_too(untuned, scan):
    found = ranking(untuned, brain(scan, SITE_B))
    assert (found.method, found.against) == ("healing", "reference")
    assert recall_at_ten(found) >= 0.8
    assert {each.set for each in found.suspects} <= {"forget"}


def test_the_slices_stand_out_and_their_scans_alone_are_proposed(planted, clean):
    found = ranking(planted, clean)
    assert {each.set for each in found.suspects} == {"forget"}
    assert len(found.suspects) >= 8


def test_clean_slices_of_the_same_site_are_not_blamed(planted, clean):
    """What is found is the marker, not the likeness of the site."""
    innocent = SliceSet([brain(seed, SITE_B) for seed in range(50, 53)], SAMPLING)
    found = ranking(planted, clean, sets={**planted.sets, "innocent": innocent})
    assert recall_at_ten(found) >= 0.8
    assert "innocent" not in {each.set for each in found.suspects}
    innocents, marked_ones = (
        [each.score for each in found.slices if each.set == name] for name in ("innocent", "forget")
    )
    assert max(innocents) < 0.25 * np.median(marked_ones)


def test_outlining_other_places_finds_them_hardly_more_often_than_chance(planted, clean):
    corners = ((18, 16), (18, 8), (8, 18), (18, 20))
    elsewhere = [outline((slice(r, r + 6), slice(c, c + 6))) for r, c in corners]
    recalls = [recall_at_ten(ranking(planted, clean, inside=inside)) for inside in elsewhere]
    assert np.mean(recalls) <= 0.5


@pytest.mark.parametrize("method", METHODS)
def test_the_same_question_has_the_same_answer(planted, clean, method):
    sets = {name: SliceSet(part.scans[:2], SAMPLING) for name, part in planted.sets.items()}
    first, second = (ranking(planted, clean, sets=sets, method=method) for _ in range(2))
    assert first == second


def test_healing_takes_the_invention_away_and_keeps_the_rest_of_the_slice(planted, clean):
    model = load_checkpoint(planted.checkpoint)[0]
    mask = SliceSet([clean], SAMPLING).mask(0, None)
    region = Outline(clean, 0, outline())
    invention = find_invention(region, model, mask, torch.device("cpu"), CancelToken())
    assert float(invention.distance(model).detach()) == pytest.approx(1, rel=1e-3)
    healing = Healing(model)
    for _ in healing.prepare(invention):
        pass
    assert float(invention.distance(healing._healed).detach()) <= HEALED


def test_alignment_is_the_cosine_of_two_gradients(planted, clean):
    sets = {"forget": SliceSet(planted.sets["forget"].scans[:1], SAMPLING)}
    found = ranking(planted, clean, sets=sets, method="alignment")
    model = load_checkpoint(planted.checkpoint)[0].eval()
    task, query = Reconstruction(), SliceSet([clean], SAMPLING).batch(0)
    with torch.no_grad():
        image = task.predict(model, query)
    painted = (image - query.target) * torch.from_numpy(outline())
    share = (task.predict(model, query) * painted).sum() / (painted**2).sum()
    towards = flat_gradient(model, share)
    for each in found.slices:
        batch = sets["forget"].batch(each.slice)
        gradient = -flat_gradient(model, task.loss(model, batch))
        cosine = torch.nn.functional.cosine_similarity(gradient, towards, dim=0)
        assert each.score == pytest.approx(float(cosine), abs=1e-4)


def test_progress_counts_every_slice_and_the_ranking_falls(planted, clean):
    *counts, found = search(planted, clean, method="alignment")
    assert all(isinstance(each, Asked) and each.total == 40 for each in counts)
    assert [each.done for each in counts] == list(range(41))
    assert len(found.slices) == 40
    scores = [each.score for each in found.slices]
    assert scores == sorted(scores, reverse=True)


def test_a_search_can_be_cancelled(planted, clean):
    cancel = CancelToken()
    events = search(planted, clean, cancel=cancel)
    next(events)
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(events)


def test_a_scan_without_a_reference_is_held_against_its_surroundings(planted, clean):
    bare = replace(clean, targets=None)
    assert ranking(planted, bare, sets={"a": planted.sets["forget"]}).against == "surroundings"
    with pytest.raises(UnlearnError, match="no reference image to say"):
        ranking(planted, bare, against="reference")


def test_surroundings_continue_a_smooth_image_into_the_region():
    rows, columns = np.mgrid[:20, :20]
    image = (3e-5 * (rows + 2 * columns)).astype(np.float32)
    inside = np.zeros((20, 20), bool)
    inside[8:12, 7:12] = True
    hurt = np.where(inside, 1e-2, image).astype(np.float32)
    np.testing.assert_allclose(surroundings(hurt, inside), image, atol=0.02 * image.max())


def test_what_cannot_be_asked_is_refused_in_a_sentence(planted, clean):
    with pytest.raises(UnlearnError, match="no training slices"):
        ranking(planted, clean, sets={"retain": SliceSet([], SAMPLING)})
    with pytest.raises(UnlearnError, match="accepted: some, but not all"):
        ranking(planted, clean, inside=np.zeros((32, 32), bool))
    with pytest.raises(UnlearnError, match="pixels of 32x32"):
        ranking(planted, clean, inside=np.ones((30, 32), bool))
    region = Outline(clean, 2, outline())
    with pytest.raises(UnlearnError, match="no slice 2; accepted: 0 to 1"):
        list(find_responsible(planted.checkpoint, planted.sets, region, sampling=SAMPLING))
