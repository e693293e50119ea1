"""The front door for weights: any file the package can read, told apart by its content."""

from pathlib import Path

import torch
from torch import nn

from napari_unlearn.bounded import open_file
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.convert import convert_fastmri, is_torch_file, read_torch_weights
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.medicalnet import convert_medicalnet, is_medicalnet


def load_model(path: Path | str, device: str | torch.device = "cpu") -> tuple[nn.Module, Card]:
    """Load a checkpoint of ours, fastMRI's VarNet or a Med3D network of MedicalNet's.

    Of the latter (`resnet_50_23dataset.pth` and the like) the card's remark says which keys
    were taken, which left in the file and which drawn afresh.

    Raises:
        ModelError: None of them; nothing in the file is executed.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            start = file.read(9)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if start[8:9] == b"{":  # a JSON header after its length
        return load_checkpoint(path, device)
    if is_torch_file(path):
        weights = read_torch_weights(path)
        if is_medicalnet(weights):
            model, card, _ = convert_medicalnet(path, named=weights)
        else:
            model, card = convert_fastmri(path, weights)
        return model.to(device), card
    raise ModelError(
        f"{path.name}: neither a safetensors checkpoint of napari-unlearn nor a torch file of "
        "fastMRI's VarNet (.pt, .ckpt) or MedicalNet's Med3D (.pth)."
    )
