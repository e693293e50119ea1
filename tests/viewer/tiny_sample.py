"""A simulated brain and three VarNets drawn at random."""

import torch

from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.phantoms.subject import simulate_subject


def write_sample(folder, slices=3, size=64):
    """`brain_site_b.h5` and `contaminated-site/ROLE.safetensors`; the folder."""
    scan = simulate_subject("brain", 1, slices=slices, size=size, coils=2)
    write_fastmri(folder / "brain_site_b.h5", scan)
    parameters = {"cascades": 2, "channels": 4, "pools": 2, "sens_channels": 2, "sens_pools": 2}
    for seed, role in enumerate(("original", "oracle", "unlearned")):
        torch.manual_seed(seed)
        card = Card(
            architecture="varnet",
            parameters=parameters,
            role=role,
            sampling={"kind": "equispaced", "acceleration": 4, "center_fraction": 0.08},
        )
        place = folder / "contaminated-site" / f"{role}.safetensors"
        save_checkpoint(place, build("varnet", parameters), card)
    return folder
