"""Make the two over-fitted experiments of docs/audit.md, audit them, and publish what was found.

Usage: python scripts/measure_audit.py reconstruction|segmentation [FOLDER]
       python scripts/measure_audit.py shadows [FOLDER]
       python scripts/measure_audit.py brain-knee|heads STUDY

FOLDER (build/audit by default) receives data, runs and audit; runs that are whole are not made
again, others gone on with. `shadows` adds U-LiRA on the heads that `segmentation` left there.
STUDY is the folder of a finished `napari-unlearn study` of that protocol, whose seeds are audited
as they are. Audits go to docs/results/, figures to docs/audit/. Without arguments docs/audit.md is
made anew from docs/results/.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_unlearn.audit.audit import audit
from napari_unlearn.audit.figure import draw_losses
from napari_unlearn.audit.inversion import Probe
from napari_unlearn.audit.options import Options
from napari_unlearn.audit.report import table, verdicts
from napari_unlearn.audit.result import Audit, RunAudit
from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.paper_style import save
from napari_unlearn.experiment import Experiment
from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.io.subject_files import write_subject
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.study.pieces import Run, carry_out_runs

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "audit.md"
TASKS = ("reconstruction", "segmentation")

SCANS = {
    "retain": ("brain", 0, 40),
    "forget": ("knee", 200, 40),
    "retain_test": ("brain", 800, 10),
    "forget_test": ("knee", 1000, 80),
}
"""Anatomy, first seed and number of subjects, one slice of 32x32 in two coils each."""

HEADS = {
    "retain": (0, 6),
    "forget": (200, 10),
    "unseen": (800, 6),
    "unseen_test": (400, 6),
    "nonmember": (600, 20),
}
"""First seed and number of heads of 17x24x24 voxels."""
HEAD_SHAPE = (17, 24, 24)

RECONSTRUCTION = """\
name = "over-fitted-knees"

[data]
retain = ["data/retain"]
forget = ["data/forget"]

[data.tests]
retain_test = ["data/retain_test"]
forget_test = ["data/forget_test"]

[sampling]
acceleration = 4
center_fraction = 0.08

[model]
parameters = { cascades = 2, channels = 8, pools = 2, sens_channels = 4, sens_pools = 2 }

[training]
# Far more than the held-out scans would ask for.
epochs = 45
test_every = 45
equal_steps = true

[unlearning]
steps = 400
retain_fraction = 1.0
"""

SEGMENTATION = """\
name = "over-fitted-heads"
task = "segmentation"

[data]
root = "data"
{sets}

[model]
architecture = "med3d"
parameters = {{ depth = 10, in_channels = 3, classes = 11, width = 6, widest = 24, \
stem_stride = 2 }}

[training]
epochs = 60
test_every = 60
equal_steps = true
learning_rate = 3e-3
decay = 0.7

[unlearning]
epochs = 30
retain_fraction = 1.0
"""

RUNS = {
    "reconstruction": ("original", "oracle", "refit-ignorant", "ft", "nl-ft", "ga-l1-ft"),
    "segmentation": (
        "original",
        "oracle",
        "as-stranger",
        "loss-match",
        "ft",
        "noisy-label",
        "max-loss",
    ),
}

SHADOWED, SHADOWS = ("as-stranger", "ft"), 8
"""Runs of the heads under U-LiRA, and how many shadow originals there are."""

STUDIES = {
    "brain-knee": ("refit-ignorant", "zero-filled", "nl-ft", "ga-l1-ft"),
    "heads": ("as-stranger@20", "as-stranger@50", "noisy-label@20", "max-loss@20"),
}
"""Runs of the two studies' seeds that are audited beside original and oracle."""


def simulate(task: str, folder: Path) -> None:
    """Write data and experiment file."""
    if task == "reconstruction":
        for role, (anatomy, first, count) in SCANS.items():
            place = folder / "data" / role
            place.mkdir(parents=True, exist_ok=True)
            for seed in range(first, first + count):
                scan = simulate_subject(anatomy, seed, slices=1, size=32, coils=2)
                write_fastmri(place / f"{scan.header.name}.h5", scan)
        (folder / "experiment.toml").write_text(RECONSTRUCTION)
        return
    people: dict[str, list[str]] = {}
    for role, (first, count) in HEADS.items():
        people[role] = [f"head-{seed:04d}" for seed in range(first, first + count)]
        for seed in range(first, first + count):
            write_subject(folder / "data", simulate_head(seed, HEAD_SHAPE))
    own = {role: f"{role} = {ids}".replace("'", '"') for role, ids in people.items()}
    lines = [own[role] for role in ("retain", "forget", "unseen")]
    lines += ["", "[data.tests]", own["unseen_test"], own["nonmember"]]
    (folder / "experiment.toml").write_text(SEGMENTATION.format(sets="\n".join(lines)))


def measure(task: str, folder: Path, docs: Path = DOCS) -> Audit:
    """Train, unlearn and attack; the audit, published."""
    if not (folder / "experiment.toml").exists():
        simulate(task, folder)
    for told in carry_out_runs(tuple(Run(folder, name) for name in RUNS[task]), CancelToken()):
        say(told.problem or f"{told.name}: {told.seconds:.0f} s")
    options = Options(runs=RUNS[task], inversion=Probe())
    command = f"python scripts/measure_audit.py {task}"
    *_, found = audit(Experiment.load(folder), options, "cpu", command=command)
    if not isinstance(found, Audit):
        raise SystemExit("The audit ended without a result.")
    found.put(folder)
    found.write(docs / "results" / f"audit-{task}.json")
    (docs / "audit").mkdir(exist_ok=True)
    save(draw_losses(found), docs / "audit" / f"{task}.png")
    return found


def measure_shadows(folder: Path, docs: Path = DOCS) -> Audit:
    """U-LiRA on runs of the heads; what is published of it holds no losses."""
    options = Options(runs=SHADOWED, relearn=None, shadows=SHADOWS)
    command = "python scripts/measure_audit.py shadows"
    *_, found = audit(Experiment.load(folder), options, "cpu", command=command)
    if not isinstance(found, Audit):
        raise SystemExit("The audit ended without a result.")
    found = replace(found, runs=tuple(replace(run, losses={}) for run in found.runs))
    found.write(docs / "results" / "audit-shadows.json")
    return found


def measure_study(name: str, study: Path, docs: Path = DOCS) -> list[Audit]:
    """Audit the seeds of a finished study; what is published of them holds no losses."""
    audits = []
    for folder in sorted(study.glob("seed-*")):
        experiment = Experiment.load(folder)
        # The study made the relearn attack on scans itself.
        options = Options(runs=STUDIES[name], relearn=None)
        command = f"python scripts/measure_audit.py {name} STUDY"
        *_, found = audit(experiment, options, "cpu", command=command)
        if not isinstance(found, Audit):
            raise SystemExit("The audit ended without a result.")
        runs = tuple(replace(run, losses={}) for run in found.runs)
        audits.append(replace(found, runs=runs))
        audits[-1].write(docs / "results" / f"audit-{name}-{folder.name}.json")
        say(f"{name} {folder.name}")
    return audits


def block_of_study(seeds: Sequence[Audit]) -> str:
    """A line per run, a column per training seed."""
    first = seeds[0]
    about = f"{first.members} forgotten people against {first.others} of `{first.hold_out}`"
    names = dict.fromkeys(run.name for found in seeds for run in found.runs)
    heads = ["run", *(f"seed {number}" for number in range(len(seeds)))]
    lines = [heads, ["---"] * len(heads)]
    lines += [[name, *(_told(found.run(name)) for found in seeds)] for name in names]
    shown = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"`{first.command}`: {about}.\n\n{shown}"


def _told(run: RunAudit | None) -> str:
    """AUC, its difference to the oracle's, and the verdicts on both questions about it."""
    if run is None:
        return ""
    words = f"{run.auc.value:.2f} [{run.auc.low:.2f}, {run.auc.high:.2f}]"
    if run.auc_gap is not None:
        gap = run.auc_gap
        words = f"{run.auc.value:.2f}, {gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"
    answers = [verdict.answer for verdict in run.verdicts[:2]]
    if len(answers) == 2:
        words += f"; {answers[0]}; undamaged: {answers[1]}"
    return words


def block(found: Audit) -> str:
    """What the page says of one audit."""
    about = f"{found.members} forgotten people against {found.others} of `{found.hold_out}`"
    return f"`{found.command}`: {about}.\n\n{table(found).markdown()}\n\n{verdicts(found)}"


def blocks(results: Path) -> dict[str, str]:
    """What the page says, by the names of its marks, of the results that are there."""
    found = {}
    for task in (*TASKS, "shadows"):
        path = results / f"audit-{task}.json"
        if path.exists():
            found[task] = block(Audit.read(path))
    for name in STUDIES:
        seeds = sorted(results.glob(f"audit-{name}-seed-*.json"))
        if seeds:
            found[name] = block_of_study([Audit.read(path) for path in seeds])
    return found


def fill(page: str, name: str, text: str) -> str:
    """Put a text between the page's marks."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"


def publish(page: Path = PAGE, results: Path = DOCS / "results") -> None:
    """Make the page anew from every result that is there."""
    text = page.read_text()
    for name, words in blocks(results).items():
        text = fill(text, name, words)
    page.write_text(text)


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            pass
        case [task, *folder] if task in TASKS and len(folder) < 2:
            measure(task, Path(*folder or ["build/audit"]) / task)
        case ["shadows", *folder] if len(folder) < 2:
            measure_shadows(Path(*folder or ["build/audit"]) / "segmentation")
        case [name, study] if name in STUDIES:
            measure_study(name, Path(study))
        case _:
            raise SystemExit(__doc__)
    publish()
