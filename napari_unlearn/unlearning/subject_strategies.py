"""Strategies that forget a labelled subject: an objective about it beside a retain term."""

from napari_unlearn.unlearning.encoding import EncodeAsNoise, EncodeAsOther, RandomFeatures
from napari_unlearn.unlearning.objectives import (
    Ascent,
    Fit,
    MatchLoss,
    NoisyTarget,
    Objective,
    OtherTarget,
)
from napari_unlearn.unlearning.schedules import Beside, ForgetThenRepair
from napari_unlearn.unlearning.scopes import FixDecoder
from napari_unlearn.unlearning.strangers import AnswerAsStranger
from napari_unlearn.unlearning.strategy import Strategy

PRESERVE = "To Forget Is to Preserve, arXiv 2606.16180, 2026"
WITHOUT_REPAIR = (
    "The retain term is ours: without one (retain_weight=0) little is left of what was to be kept."
)


def _of_the_paper(
    name: str, title: str, formula: str, forget: Objective, remark: str = ""
) -> Strategy:
    """One of the paper's objectives, beside a retain term."""
    return Strategy(
        name=name,
        title=title,
        formula=f"{formula} + ρ·J(f(x_r), y_r)",
        paper=PRESERVE,
        forget=forget,
        retain=Fit(),
        scope=FixDecoder(),
        schedule=Beside(),
        tasks=("segmentation",),
        remark=f"{remark} {WITHOUT_REPAIR}".strip(),
    )


NOISY_LABEL = _of_the_paper(
    "noisy-label",
    "Noisy Label",
    "J(f(x_f), random labels)",
    NoisyTarget(scale=1.0),
    "Labels are drawn anew in every step; scale is the share of voxels that get one.",
)

RETAIN_LABEL = _of_the_paper(
    "retain-label",
    "Retain Label",
    "J(f(x_f), y_r)",
    OtherTarget(),
    "y_r is that of the step's retain subject.",
)

MAX_LOSS = _of_the_paper("max-loss", "Max Loss", "−a·J(f(x_f), y_f)", Ascent())

RANDOM_ENCODER = _of_the_paper(
    "random-encoder",
    "Random Encoder",
    "w·‖E(x_f) − N(0, I)‖²",
    RandomFeatures(),
    "Mean square over the features; noise is drawn anew in every step.",
)

LEARN_OTHERS = _of_the_paper(
    "learn-others",
    "LearnOthers",
    "w·‖E(x_f) − E_G(x_r)‖²",
    EncodeAsOther(),
    "Mean square over the features.",
)

LEARN_NOISE = _of_the_paper(
    "learn-noise",
    "LearnNoise",
    "w·‖E(x_f) − E_G(N(0, I))‖²",
    EncodeAsNoise(),
    "Mean square over the features; noise is drawn anew in every step.",
)

LOSS_MATCH = Strategy(
    name="loss-match",
    title="Match the loss on unseen subjects",
    formula="w·(J(f(x_f), y_f) − J(f_G(x_u), y_u))² + ρ·J(f(x_r), y_r)",
    paper="this project",
    forget=MatchLoss(),
    retain=Fit(),
    scope=FixDecoder(),
    schedule=Beside(),
    tasks=("segmentation",),
    remark="x_u are labelled subjects that the original was not trained on.",
)

AS_STRANGER = Strategy(
    name="as-stranger",
    title="Answer as for a stranger",
    formula="w·J(f(x_f), mean s⁻¹f_G(s·x_f)) + J(f(x_r), y_r), s bends and mirrors; then repair",
    paper="this project",
    forget=AnswerAsStranger(),
    retain=Fit(),
    scope=FixDecoder(),
    schedule=ForgetThenRepair(forget_share=0.9, retain_meanwhile=1.0),
    tasks=("segmentation",),
    remark="What the original knows by heart is tied to the very voxels; its anatomy is not.",
)

SUBJECT_STRATEGIES = (
    NOISY_LABEL,
    RETAIN_LABEL,
    MAX_LOSS,
    RANDOM_ENCODER,
    LEARN_OTHERS,
    LEARN_NOISE,
    LOSS_MATCH,
    AS_STRANGER,
)
