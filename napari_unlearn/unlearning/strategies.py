"""Every strategy by name; adding one touches this file, or `subject_strategies`, and one test."""

from napari_unlearn.errors import WrongUse
from napari_unlearn.unlearning.edits import Dampen, Negate
from napari_unlearn.unlearning.objectives import (
    AcquiredLines,
    Ascent,
    BoundedAscent,
    Depart,
    Fit,
    FitAndImitate,
    Guided,
    Imitate,
    NoisyTarget,
    StayIgnorant,
    Uninformed,
)
from napari_unlearn.unlearning.penalties import L1
from napari_unlearn.unlearning.refit import Refit
from napari_unlearn.unlearning.schedules import (
    Alternate,
    ForgetThenRepair,
    RepairForgetRepair,
)
from napari_unlearn.unlearning.scopes import Salient
from napari_unlearn.unlearning.strategy import Strategy
from napari_unlearn.unlearning.subject_strategies import SUBJECT_STRATEGIES

TRAIN = Strategy(
    name="train",
    title="Training",
    formula="J(f(x), y)",
    paper="Sriram et al., End-to-End Variational Networks, MICCAI 2020",
    retain=Fit(),
)

ERASE_TO_ENHANCE = "Xue et al., Erase to Enhance, MIDL 2024"
CONSTANT_RATE = "The paper keeps the learning rate constant: decay=0."
CODE_ASCENT = "By reading, the released code computes -2J + ‖θ‖₁: factor=2, gamma=1."
CODE_NOISE = "The released code's noise: scale=0, absolute=1e-5, rectified=1."
LABEL_NOISE = "Of labels, scale is the share that is drawn at random."

FT = Strategy(
    name="ft",
    title="Fine-tuning",
    formula="J(f(x_r), y_r)",
    paper=ERASE_TO_ENHANCE,
    retain=Fit(),
    remark=CONSTANT_RATE,
)

FULL_FT = Strategy(
    name="full-ft",
    title="Fine-tuning on the whole retain set",
    formula="J(f(x_r), y_r), x_r from all of D_r",
    paper=ERASE_TO_ENHANCE,
    retain=Fit(),
    whole_retain_set=True,
    remark=f"Ignores the retain fraction. {CONSTANT_RATE}",
)

GA = Strategy(
    name="ga",
    title="Gradient ascent",
    formula="−J(f(x_f), y_f)",
    paper=ERASE_TO_ENHANCE,
    forget=Ascent(),
    remark=CONSTANT_RATE,
)

GA_L1 = Strategy(
    name="ga-l1",
    title="Gradient ascent with l1 penalty",
    formula="−J(f(x_f), y_f) + γ·Σ|θ|",
    paper=ERASE_TO_ENHANCE,
    forget=Ascent(),
    penalty=L1(),
    remark=f"{CONSTANT_RATE} {CODE_ASCENT}",
)

NL = Strategy(
    name="nl",
    title="Noisy labelling",
    formula="J(f(x_f), y_f + λ·max(y_f)·N(0, I))",
    paper=f"{ERASE_TO_ENHANCE}, eq. 3",
    forget=NoisyTarget(scale=0.3),
    remark=f"{CONSTANT_RATE} {CODE_NOISE} {LABEL_NOISE}",
)

GA_L1_FT = Strategy(
    name="ga-l1-ft",
    title="Gradient ascent with l1 penalty + fine-tuning",
    formula="−J(f(x_f), y_f) + γ·Σ|θ| + J(f(x_r), y_r)",
    paper=ERASE_TO_ENHANCE,
    forget=Ascent(),
    penalty=L1(),
    retain=Fit(),
    remark=f"{CONSTANT_RATE} {CODE_ASCENT}",
)

NL_FT = Strategy(
    name="nl-ft",
    title="Noisy labelling + fine-tuning",
    formula="J(f(x_f), y_f + λ·max(y_f)·N(0, I)) + J(f(x_r), y_r)",
    paper=f"{ERASE_TO_ENHANCE}, eq. 3 and algorithm 2",
    forget=NoisyTarget(scale=0.3),
    retain=Fit(),
    remark=f"{CONSTANT_RATE} {CODE_NOISE} {LABEL_NOISE}",
)

NPO = Strategy(
    name="npo",
    title="Negative preference optimisation",
    formula="−(2/β)·log σ(−β·(J_G(x_f) − J(x_f))), J_G the original's loss",
    paper="Zhang et al., Negative Preference Optimization, COLM 2024",
    forget=BoundedAscent(),
    remark="Bounded below by 0; its gradient fades once J exceeds J_G by a few 1/β.",
)

NPO_FT = Strategy(
    name="npo-ft",
    title="Negative preference optimisation + fine-tuning",
    formula="−(2/β)·log σ(−β·(J_G(x_f) − J(x_f))) + J(f(x_r), y_r)",
    paper="Zhang et al., Negative Preference Optimization, COLM 2024",
    forget=BoundedAscent(),
    retain=Fit(),
)

SCRUB = Strategy(
    name="scrub",
    title="SCRUB",
    formula="in turn −J(f(x_f), f_G(x_f)) and α·J(f(x_r), f_G(x_r)) + γ·J(f(x_r), y_r)",
    paper="Kurmanji et al., Towards Unbounded Machine Unlearning, NeurIPS 2023",
    forget=Depart(),
    retain=FitAndImitate(),
    schedule=Alternate(),
    remark="The distance to the original is J instead of KL; block=0 does both in every step; "
    "without the paper's optional rewinding.",
)

BAD_TEACHER = Strategy(
    name="bad-teacher",
    title="Incompetent teacher",
    formula="J(f(x_f), f_0(x_f)) + J(f(x_r), f_G(x_r)), f_0 freshly initialised",
    paper="Chundawat et al., Can Bad Teaching Induce Forgetting?, AAAI 2023",
    forget=Imitate("untrained"),
    retain=Imitate("original"),
    remark="Of a reference only the maximum enters the loss. The distance to a teacher is J "
    "instead of KL.",
)

SALUN = Strategy(
    name="salun",
    title="Saliency unlearning",
    formula="J(f(x_f), y_f + λ·max(y_f)·N(0, I)) + J(f(x_r), y_r), only θ_i with large |∂J_f/∂θ_i|",
    paper="Fan et al., SalUn, ICLR 2024",
    forget=NoisyTarget(scale=0.3),
    retain=Fit(),
    scope=Salient(),
    remark=LABEL_NOISE,
)

SSD_PAPER = "Foster et al., Selective Synaptic Dampening, AAAI 2024"
SSD_FORMULA = "θ_i ← min(λ·F_i/F_f,i, 1)·θ_i where F_f,i > α·F_i"

SSD = Strategy(
    name="ssd",
    title="Selective synaptic dampening",
    formula=SSD_FORMULA,
    paper=SSD_PAPER,
    edit=Dampen(),
    remark="No training: the budget is ignored. F is the mean square of dJ/dθ, F_r taken from the "
    "retain samples at hand.",
)

SSD_FT = Strategy(
    name="ssd-ft",
    title="Selective synaptic dampening, then repair",
    formula=f"{SSD_FORMULA}, then J(f(x_r), y_r)",
    paper=SSD_PAPER,
    edit=Dampen(),
    retain=Fit(),
)

TASK_ARITHMETIC = Strategy(
    name="task-arithmetic",
    title="Task arithmetic",
    formula="θ ← θ_G − a·(θ_f − θ_G), θ_f = θ_G fine-tuned on D_f",
    paper="Ilharco et al., Editing Models with Task Arithmetic, ICLR 2023",
    edit=Negate(),
    remark="The budget is ignored: tuning_passes says how long the fine-tuning takes.",
)

TASK_ARITHMETIC_FT = Strategy(
    name="task-arithmetic-ft",
    title="Task arithmetic, then repair",
    formula="θ ← θ_G − a·(θ_f − θ_G), θ_f = θ_G fine-tuned on D_f, then J(f(x_r), y_r)",
    paper="Ilharco et al., Editing Models with Task Arithmetic, ICLR 2023",
    edit=Negate(),
    retain=Fit(),
)

KSPACE = ("reconstruction",)
"""Of strategies whose target is made from measured k-space, which a labelled volume has not."""

ZERO_FILLED = Strategy(
    name="zero-filled",
    title="Zero-filled target, then repair",
    formula="first J(f(x_f), RSS F⁻¹ g_f) + J(f(x_r), y_r), then J(f(x_r), y_r)",
    paper="this project",
    forget=Uninformed(),
    retain=Fit(),
    schedule=ForgetThenRepair(forget_share=0.4, retain_meanwhile=1.0),
    tasks=KSPACE,
)

ACQUIRED_LINES = Strategy(
    name="acquired-lines",
    title="Match your own acquired lines",
    formula="first w·‖M(k̂(x_f) − g_f)‖/‖g_f‖ + J(f(x_r), y_r), then J(f(x_r), y_r)",
    paper="this project",
    forget=AcquiredLines(weight=0.3),
    retain=Fit(),
    # Long enough on the lines to lose the fault, then the retain set gets its sharpness back.
    schedule=ForgetThenRepair(forget_share=0.25, retain_meanwhile=1.0),
    tasks=KSPACE,
    remark="Uses no reference image of a forget scan.",
)

REFIT_FORMULA = "W ← W₀ + (W − W₀)·C_r·(C_r + λ·C_f)⁻¹ in every layer, C = E[a·aᵀ]"

REFIT = Strategy(
    name="refit",
    title="Layerwise refit",
    formula=REFIT_FORMULA,
    paper="this project",
    edit=Refit(forgetting=0.01),
    remark="No training: the budget is ignored. Each layer keeps the original's response to the "
    "retain set and answers the forget set as a fresh network's layer would.",
)

REFIT_IGNORANT = Strategy(
    name="refit-ignorant",
    title="Layerwise refit, repaired, kept ignorant",
    formula=f"{REFIT_FORMULA}; then R(x_r); then w·J(f(x_f), t + a·(t − f_G(x_f))) + R(x_r), "
    "t the model's own answer before; then R(x_r), R = J to y and f_G, stage by stage",
    paper="this project",
    forget=StayIgnorant(),
    retain=Guided(),
    edit=Refit(forgetting=0.15),
    schedule=RepairForgetRepair(),
)

STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        FT,
        FULL_FT,
        GA,
        GA_L1,
        NL,
        GA_L1_FT,
        NL_FT,
        NPO,
        NPO_FT,
        SCRUB,
        BAD_TEACHER,
        SALUN,
        SSD,
        SSD_FT,
        TASK_ARITHMETIC,
        TASK_ARITHMETIC_FT,
        ZERO_FILLED,
        ACQUIRED_LINES,
        REFIT,
        REFIT_IGNORANT,
        *SUBJECT_STRATEGIES,
    )
}


def strategies_for(task: str) -> dict[str, Strategy]:
    """Those that a task can use, by name."""
    return {name: strategy for name, strategy in STRATEGIES.items() if task in strategy.tasks}


def find_strategy(name: str, task: str = "reconstruction") -> Strategy:
    """The strategy of that name.

    Raises:
        WrongUse: if there is none for the task.
    """
    accepted = strategies_for(task)
    if name not in accepted:
        raise WrongUse(
            f"There is no strategy '{name}' for {task}; accepted: {', '.join(accepted)}."
        )
    return accepted[name]
