"""Small subjects on disk, in the grid and the layout a test asks for."""

import nibabel as nib
import numpy as np

from tests.io.test_nifti import oblique

SHAPE = (9, 8, 7)


def some_labels(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 11, shape).astype(np.uint8)


def some_image(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).uniform(1, 2, shape).astype(np.float32)


def save(path, data, affine=None, codes=(1, 1), units="mm"):
    """Write with nibabel; `codes` are those of sform and qform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = oblique("LPS", (1.0, 1.1, 3.0)) if affine is None else affine
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units(units)
    image.set_qform(affine, code=codes[1])
    image.set_sform(affine, code=codes[0])
    nib.save(image, path)
    return path


def save_challenge(folder, subject, **files):
    """MRBrainS18 as downloaded; `files` replaces the arrays of some names."""
    for seed, name in enumerate(("FLAIR", "reg_T1", "reg_IR")):
        data = files.get(name, some_image(seed))
        save(folder / subject / "pre" / f"{name}.nii.gz", data)
    save(folder / subject / "segm.nii.gz", files.get("segm", some_labels()))


def save_medicalnet(folder, subject):
    save(folder / "images" / f"{subject}.nii.gz", some_image())
    save(folder / "labels" / f"{subject}.nii.gz", some_labels())
