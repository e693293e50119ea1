"""What the contenders are called."""

OURS = "napari-unlearn"
CHECKPOINTING = "napari-unlearn, checkpointing"
FASTMRI = "fastMRI"
ADVISED = "fastMRI, freed memory kept"
MONAI = "MONAI"
EXPLAINED = (OURS, FASTMRI)
"""Those of which it is told where the time goes."""
