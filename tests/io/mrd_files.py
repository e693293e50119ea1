"""MRD files written with h5py alone, in the layout of the format's own library."""

import h5py
import numpy as np

COUNTERS = [
    (name, "<u2")
    for name in (
        *("kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast"),
        *("phase", "repetition", "set", "segment"),
    )
]
HEAD = np.dtype(
    [
        *(("version", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4")),
        *((name, "<u2") for name in ("number_of_samples", "active_channels", "discard_pre")),
        *((name, "<u2") for name in ("discard_post", "center_sample", "encoding_space_ref")),
        *((name, "<f4", (3,)) for name in ("position", "read_dir", "phase_dir", "slice_dir")),
        ("idx", np.dtype([*COUNTERS, ("user", "<u2", (8,))])),
    ]
)
FLOATS = h5py.vlen_dtype(np.dtype(np.float32))
READOUT = np.dtype([("head", HEAD), ("traj", FLOATS), ("data", FLOATS)])
XML = (
    '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>{spaces}<encodingLimits>'
    "<kspace_encoding_step_1><minimum>0</minimum><maximum>{columns}</maximum>"
    "<center>{centre}</center></kspace_encoding_step_1></encodingLimits>"
    "<trajectory>{trajectory}</trajectory></encoding></ismrmrdHeader>"
)
SPACE = (
    "<{name}><matrixSize><x>{x}</x><y>{y}</y><z>1</z></matrixSize><fieldOfView_mm><x>{fx}</x>"
    "<y>{fy}</y><z>5</z></fieldOfView_mm></{name}>"
)


def flag(bit):
    return 1 << (bit - 1)


def xml(rows, columns, *, keep=None, keep_columns=None, centre=None, trajectory="cartesian"):
    """A header whose encoded voxels are 2 mm (row) by 3 mm (column)."""
    keep, keep_columns = keep or rows, keep_columns or columns
    sizes = (("encodedSpace", rows, columns), ("reconSpace", keep, keep_columns))
    spaces = "".join(SPACE.format(name=n, x=x, y=y, fx=2 * x, fy=3 * y) for n, x, y in sizes)
    centre = columns // 2 if centre is None else centre
    return XML.format(spaces=spaces, columns=columns - 1, centre=centre, trajectory=trajectory)


def readout(values, line=0, slice_=0, **fields):
    """One acquisition of `values` (coils, samples); further header fields by name."""
    values = np.ascontiguousarray(values, np.complex64)
    row = np.zeros(1, READOUT)[0]
    head = row["head"]
    head["active_channels"], head["number_of_samples"] = values.shape
    head["center_sample"] = values.shape[1] // 2
    head["read_dir"], head["phase_dir"], head["slice_dir"] = np.eye(3)
    head["position"] = (0, 0, 5 * slice_)
    head["idx"]["kspace_encode_step_1"], head["idx"]["slice"] = line, slice_
    for name, value in fields.items():
        (head["idx"] if name in head["idx"].dtype.names else head)[name] = value
    row["traj"], row["data"] = np.zeros(0, np.float32), values.view(np.float32).ravel()
    return row


def readouts_of(kspaces, lines=None, **fields):
    """Every line of (slices, coils, rows, columns), slice after slice."""
    slices, _, _, columns = kspaces.shape
    lines = range(columns) if lines is None else lines
    return [
        readout(kspaces[s, :, :, line], line, s, **fields) for s in range(slices) for line in lines
    ]


def write_mrd(path, header, readouts, group="dataset", **options):
    with h5py.File(path, "w") as file:
        own = file.create_group(group)
        own.create_dataset("xml", (1,), h5py.string_dtype())[0] = header
        data = own.create_dataset("data", (len(readouts),), READOUT, **options)
        for index, row in enumerate(readouts):
            data[index] = row
    return path
