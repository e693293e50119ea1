"""A forget set that somebody proposes to the Unlearn dock."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_unlearn.viewer.studies import ScanSetView


@dataclass(frozen=True, eq=False)
class Proposal:
    """Other scans to forget and to retain than the experiment's file says."""

    experiment: Path
    """Its file."""
    members: Mapping[str, tuple[str, ...]]
    """Paths of scans by "retain" and "forget", as `Order.members` takes them."""
    forget: ScanSetView
    """The scans to forget at a glance."""
