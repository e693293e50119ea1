"""Gradients whose sign and size are known, on a line through two points."""

import math

import pytest
import torch
from torch import nn

from napari_unlearn.mri.fourier import ifft2c
from napari_unlearn.unlearning.context import Context, make_teachers
from napari_unlearn.unlearning.objectives import (
    Ascent,
    BoundedAscent,
    Depart,
    Fit,
    FitAndImitate,
    Guided,
    Imitate,
    NoisyTarget,
    StayIgnorant,
)
from napari_unlearn.unlearning.penalties import L1
from napari_unlearn.unlearning.task import MIRRORS, Reconstruction, mirrored

from .conftest import TINY
from .toy import Line, line, point

SAMPLE = point([1.0, 0.0], 0.0)


def context(original=None, untrained=None):
    return Context(torch.Generator(), {"original": original, "untrained": untrained})


def gradient(objective, model, original=None, untrained=None):
    loss = objective.loss(Line(), model, SAMPLE, context(original, untrained))
    return torch.autograd.grad(loss, model.weight)[0][0].tolist()


def test_a_step_of_gradient_ascent_raises_the_forget_loss():
    model = line(2.0, 1.0)
    before = float(Line().loss(model, SAMPLE))
    step = 0.1 * torch.tensor([gradient(Ascent(), model)])
    with torch.no_grad():
        model.weight -= step
    assert float(Line().loss(model, SAMPLE)) > before


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_ascent_is_the_loss_negated(factor):
    assert gradient(Ascent(factor), line(2.0, 1.0)) == [-2 * factor, 0]


def test_bounded_ascent_starts_as_gradient_ascent():
    original = line(2.0, 1.0)
    assert gradient(BoundedAscent(7.0), line(2.0, 1.0), original) == [-2, 0]


def test_bounded_ascent_is_its_formula_away_from_the_original():
    beta, before, now = 3.0, 0.5, 2.0  # J = w^2 / 2
    loss = BoundedAscent(beta).loss(Line(), line(2.0, 0.0), SAMPLE, context(line(1.0, 0.0)))
    likelihood_ratio = math.exp(before - now)
    expected = 2 / beta * math.log(1 + likelihood_ratio**beta)  # NPO's equation 3
    assert float(loss) == pytest.approx(expected, rel=1e-4)  # float32 of a number near 0


def test_bounded_ascent_is_bounded_and_its_gradient_vanishes():
    original, losses, slopes = line(1.0, 0.0), [], []
    for weight in (1.0, 1.5, 2.0, 4.0, 8.0):
        model = line(weight, 0.0)
        losses.append(float(BoundedAscent().loss(Line(), model, SAMPLE, context(original))))
        slopes.append(abs(gradient(BoundedAscent(), model, original)[0]))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(0, abs=1e-12)
    assert slopes[-1] == pytest.approx(0, abs=1e-12)
    assert all(loss >= 0 for loss in losses)


def test_small_beta_is_plain_ascent():
    original, model = line(1.0, 0.0), line(3.0, 0.0)
    slope = gradient(BoundedAscent(0.01), model, original)[0]
    assert slope == pytest.approx(gradient(Ascent(), model)[0], rel=0.05)  # 1 - beta (J - J0) / 2


def test_imitation_leads_to_the_chosen_teacher():
    model, original, untrained = line(2.0, 0.0), line(3.0, 0.0), line(0.5, 0.0)
    assert gradient(Imitate("original"), model, original, untrained) == [-1, 0]
    assert gradient(Imitate("untrained"), model, original, untrained) == [1.5, 0]


def test_departure_leads_away_from_the_original_and_rests_on_it():
    assert gradient(Depart(), line(2.0, 0.0), line(3.0, 0.0)) == [1, 0]
    assert gradient(Depart(), line(3.0, 0.0), line(3.0, 0.0)) == [0, 0]


def test_fit_and_imitate_weighs_both():
    model, original = line(2.0, 0.0), line(3.0, 0.0)
    expected = 0.25 * (2 - 3) + 4 * (2 - 0)
    assert gradient(FitAndImitate(alpha=0.25, gamma=4.0), model, original) == [expected, 0]


def test_l1_is_gamma_times_the_sum_of_magnitudes_with_gradient_gamma_times_sign():
    model = line(2.0, -3.0)
    loss = L1(gamma=0.5).loss(model)
    loss.backward()
    assert float(loss) == 2.5
    assert model.weight.grad.tolist() == [[0.5, -0.5]]


def test_objectives_ask_for_the_teachers_they_use():
    assert BoundedAscent().teachers == Depart().teachers == FitAndImitate().teachers
    assert Depart().teachers == ("original",)
    assert Imitate("untrained").teachers == ("untrained",)
    assert Fit().teachers == NoisyTarget().teachers == Ascent().teachers == ()


def test_teachers_are_frozen_and_the_untrained_one_is_drawn_from_the_seed():
    original = line(1.0, 2.0)
    made = make_teachers(("original", "untrained"), original, "varnet", TINY, 3)
    again = make_teachers(("untrained",), original, "varnet", TINY, 3)["untrained"]
    other = make_teachers(("untrained",), original, "varnet", TINY, 4)["untrained"]
    with torch.no_grad():
        original.weight += 1
    assert made["original"].weight.tolist() == [[1, 2]]
    for teacher in made.values():
        assert not teacher.training
        assert not any(parameter.requires_grad for parameter in teacher.parameters())
    values = [torch.cat([p.flatten() for p in t.parameters()]) for t in (again, other)]
    mine = torch.cat([p.flatten() for p in made["untrained"].parameters()])
    assert torch.equal(mine, values[0])
    assert not torch.equal(mine, values[1])


def test_the_released_codes_noise_is_absolute_and_only_brightens(brains):
    batch = brains.batch(0)
    rng = torch.Generator().manual_seed(0)
    noised = Reconstruction().disturb(batch, 0.0, rng, absolute=5.0, rectified=True)
    noise = noised.target - batch.target
    assert float(noise.min()) >= -1e-6 * float(batch.maximum)  # rounding of the sum
    mean = 5 * math.sqrt(2 / math.pi)
    assert float(noise.mean()) == pytest.approx(mean, rel=0.1)  # 1,024 draws


def test_noisy_target_passes_its_settings_to_the_task(brains):
    seen = {}

    class Listening(Reconstruction):
        def loss(self, model, batch):
            seen["target"] = batch.target
            return torch.zeros(())

    batch = brains.batch(0)
    rng = torch.Generator().manual_seed(1)
    expected = Reconstruction().disturb(batch, 0.1, rng, 2.0, rectified=True).target
    objective = NoisyTarget(scale=0.1, absolute=2.0, rectified=1)
    objective.loss(Listening(), None, batch, Context(torch.Generator().manual_seed(1)))
    assert torch.equal(seen["target"], expected)


def test_a_taught_batch_carries_the_teachers_answer_without_a_gradient(brains):
    batch = brains.batch(0)
    teacher = make_teachers(("untrained",), line(0.0), "varnet", TINY, 0)["untrained"]
    taught = Reconstruction().taught(teacher, batch)
    assert not taught.target.requires_grad
    assert torch.equal(taught.maximum, batch.maximum)
    assert float(Reconstruction().loss(teacher, taught)) == pytest.approx(0, abs=1e-5)


def test_staying_ignorant_is_the_formulas_target():
    model, midway, original = line(2.0, 0.0), line(1.0, 0.0), line(3.0, 0.0)
    frozen = Context(torch.Generator(), {"original": original, "midway": midway})
    # t = 1 and f_G = 3: away 0.25 asks for 1 + 0.25 (1 - 3) = 0.5, J = (2 - 0.5)^2 / 2
    loss = StayIgnorant(weight=2.0, away=0.25).loss(Line(), model, SAMPLE, frozen)
    assert float(loss) == pytest.approx(2 * 1.5**2 / 2)
    # A target below 0 would be no magnitude.
    loss = StayIgnorant(weight=1.0, away=2.0).loss(Line(), model, SAMPLE, frozen)
    assert float(loss) == pytest.approx(2**2 / 2)


def test_without_stages_the_guide_is_reference_and_original():
    model, original = line(2.0, 0.0), line(1.0, 0.0)
    loss = Guided(fit=0.5, imitate=2.0).loss(Line(), model, SAMPLE, context(original))
    assert float(loss) == pytest.approx(0.5 * 2**2 / 2 + 2 * (2 - 1) ** 2 / 2)


def test_every_stage_but_the_last_is_led():
    class Staged(nn.Module):
        def __init__(self, *factors):
            super().__init__()
            self.stages = nn.ModuleList(line(factor) for factor in factors)

        def forward(self, x):
            for stage in self.stages:
                x = stage(x)
            return x

    sample = point([1.0], 0.0)
    frozen = context(Staged(2.0, 1.0, 5.0))
    # After the stages: 3 and 6 against 2 and 2; (|3 - 2| / 2 + |6 - 2| / 2) / 2 = 1.25
    loss = Guided(fit=0.0, imitate=0.0, inner=4.0).loss(
        Line(), Staged(3.0, 2.0, 9.0), sample, frozen
    )
    assert float(loss) == pytest.approx(4 * 1.25)


def test_a_mirrored_acquisition_is_that_of_the_mirrored_subject(knees):
    batch = knees.batch(0)
    for axes in MIRRORS:
        seen = mirrored(batch, axes)
        image = torch.flip(ifft2c(batch.kspace), axes)
        torch.testing.assert_close(ifft2c(seen.kspace), image, atol=1e-6, rtol=1e-4)
        assert int(seen.lines.sum()) == int(batch.lines.sum())
        acquired = seen.kspace.abs().sum((1, 2)) > 0
        assert bool((acquired == seen.lines).all())
        back = mirrored(seen, axes)
        torch.testing.assert_close(back.kspace, batch.kspace, atol=1e-6, rtol=1e-4)
