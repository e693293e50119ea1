"""What an audit is asked to do."""

from dataclasses import dataclass, field

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.inversion import Probe
from napari_unlearn.audit.verdict import MARGIN
from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.evaluation.relearn import Attack


@dataclass(frozen=True)
class Options:
    """Which attacks, on whom, and how strictly they are judged."""

    runs: tuple[str, ...] = ()
    """Names of runs beside original and oracle; none takes all of them."""
    hold_out: str | None = None
    """Test set of people nobody was trained on; None takes "nonmember" or "forget_test"."""
    relearn: Attack | None = field(default_factory=Attack)
    """None leaves the attack out."""
    inversion: Probe | None = None
    """None leaves the probe out."""
    shadows: int = 0
    """Shadow models of U-LiRA; an even number, 0 leaves it out."""
    margin: float = MARGIN
    """Difference to the oracle's AUC that is accepted."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            AuditError: naming what is accepted.
        """
        if not 0 < self.margin < 0.5:
            raise AuditError(f"The margin is {self.margin:g}; it must lie between 0 and 0.5.")
        if self.shadows < 0 or self.shadows % 2:
            raise AuditError(
                f"U-LiRA takes its shadows in pairs; {self.shadows} is no even number from 0 on."
            )
