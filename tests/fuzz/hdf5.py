"""fastMRI, ISMRMRD and reconstruction files in HDF5, and what can be wrong with their parts."""

from pathlib import Path
from random import Random

import h5py
import numpy as np

from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.io.ismrmrd_header import format_header
from napari_unlearn.io.reconstruction import write_reconstruction
from napari_unlearn.mri.scan import Header
from tests.fuzz.damage import NUMBERS
from tests.fuzz.kind import Change, Kind
from tests.io.test_fastmri import make_scan

FILE = "scan.h5"
_ODD_TYPES = ("i1", "u8", "f2", "f4", "f8", "c16", "S5", "?", "V7", h5py.string_dtype())
_LONG = 3 * 2**20
_ELEMENT = np.complex64(1 + 1j)


def _open(folder: Path) -> h5py.File:
    return h5py.File(folder / FILE, "a")


def _datasets(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, entry: found.append(name) if _is_data(entry) else None)
    return found


def _is_data(entry: object) -> bool:
    return isinstance(entry, h5py.Dataset)


def another_type(folder: Path, rng: Random) -> str:
    """A dataset of another type, with the same shape."""
    with _open(folder) as file:
        name = rng.choice(_datasets(file))
        shape, dtype = file[name].shape, rng.choice(_ODD_TYPES)
        kinds = {
            "compound": np.dtype([("a", "f4"), ("b", "S3", (2,))]),
            "sequence": h5py.vlen_dtype(np.float32),
            "reference": h5py.ref_dtype,
            "enumeration": h5py.enum_dtype({"a": 1}, "i2"),
            "plain": np.dtype(dtype),
        }
        kind = rng.choice(list(kinds))
        del file[name]
        file.create_dataset(name, shape, kinds[kind])
    return f"'{name}' of type {kind} {dtype if kind == 'plain' else ''}"


def another_shape(folder: Path, rng: Random) -> str:
    """A dataset of a shape that is empty, huge, or of other axes; nothing of it is stored."""
    with _open(folder) as file:
        name = rng.choice(_datasets(file))
        old = file[name]
        axes = rng.randrange(0, 7)
        shape = tuple(rng.choice([0, 1, 2, 7, 4096, 10**6, 2**31]) for _ in range(axes))
        if rng.random() < 0.5:
            shape = list(old.shape) or [1]
            shape[rng.randrange(len(shape))] = rng.choice([0, 1, 3, 10**5, 2**33])
            shape = tuple(shape)
        dtype = old.dtype
        del file[name]
        options = {}
        if 0 not in shape and shape and np.prod(shape, dtype=float) > 10**6:
            options = {"chunks": tuple(min(n, 16) for n in shape)}
        if shape and 0 not in shape and rng.random() < 0.3:
            options = {"chunks": tuple(min(n, 16) for n in shape), "compression": "gzip"}
        file.create_dataset(name, shape, dtype, **options)
    return f"'{name}' of shape {shape}"


def odd_numbers(folder: Path, rng: Random) -> str:
    """NaN, infinity, the largest number or zeros in one dataset."""
    value = rng.choice([np.nan, np.inf, -np.inf, 3.4e38, 0.0])
    with _open(folder) as file:
        numbers = [name for name in _datasets(file) if file[name].dtype.kind in "fc"]
        if not numbers:
            return "nothing"
        name = rng.choice(numbers)
        values = file[name][()]
        if rng.random() < 0.5:
            values[...] = value
        else:
            values.flat[rng.randrange(values.size)] = value
        file[name][...] = values
    return f"{value} in '{name}'"


def taken_out(folder: Path, rng: Random) -> str:
    """A dataset is missing, or a group stands in its place."""
    with _open(folder) as file:
        name = rng.choice(_datasets(file))
        del file[name]
        if rng.random() < 0.5:
            file.create_group(name)["inside"] = 1
            return f"'{name}' is a group"
    return f"no '{name}'"


def elsewhere(folder: Path, rng: Random) -> str:
    """A dataset that lies in another file, or goes round in circles."""
    with _open(folder) as file:
        name = rng.choice(_datasets(file))
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        how = rng.choice(["soft", "loop", "external", "storage", "virtual", "named type"])
        if how == "soft":
            file[name] = h5py.SoftLink("/nowhere")
        elif how == "loop":
            file[name] = h5py.SoftLink(f"/{name}")
        elif how == "external":
            file[name] = h5py.ExternalLink(rng.choice(["/etc/passwd", FILE, "../x.h5"]), name)
        elif how == "storage" and shape:
            place = rng.choice(["/etc/passwd", "/dev/zero", "../../secret"])
            file.create_dataset(name, shape, np.uint8, external=[(place, 0, h5py.h5f.UNLIMITED)])
        elif how == "virtual" and shape:
            layout = h5py.VirtualLayout(shape, dtype)
            layout[...] = h5py.VirtualSource("/etc/passwd", name, shape)
            file.create_virtual_dataset(name, layout)
        else:
            file[name] = np.dtype("f8")
    return f"'{name}' as {how}"


def odd_attribute(folder: Path, rng: Random) -> str:
    """An attribute of another kind than expected."""
    names = ("max", "norm", "acquisition", "patient_id", "voxel_size", "affine", "anatomy")
    name = rng.choice((*names, "simulated", "source"))
    values = [
        *("x" * 60_000, "", "\x00\x01", "a\nb", b"\xff\xfe", np.nan, np.inf, -1.0, 2**63 - 1, 0),
        *(np.zeros((70, 70)), np.zeros(0), np.zeros(4, [("a", "f4")]), h5py.Empty("f4")),
        *(np.full((4, 4), np.nan), np.zeros((4, 4)), np.full((4, 4), 1e308), (1e308, 1e-320, 1)),
        *(np.array(["a", "b"], object), True, np.float16(1), np.full(3, 1e-30), ["1", "2", "3"]),
    ]
    value = values[rng.randrange(len(values))]
    with _open(folder) as file:
        if isinstance(value, np.ndarray) and value.dtype == object:
            file.attrs.create(name, value, dtype=h5py.string_dtype())
        else:
            file.attrs[name] = value
    return f"attribute '{name}' = {str(value)[:30]!r}"


def odd_header(folder: Path, rng: Random) -> str:
    """An ISMRMRD header that is no XML, endless, nested, or full of impossible numbers."""
    good = format_header(_header())
    number = rng.choice(["-1", "0", "nan", "inf", "1e999", "9" * 5000, "", "x", "65537", "1.5"])
    deep = rng.choice([1000, 100_000])
    texts = [
        good.replace("<x>8</x>", f"<x>{number}</x>"),
        good.replace("<z>1</z>", f"<z>{number}</z>"),
        "x" * _LONG,
        "<a>" * deep + "</a>" * deep,
        "<?xml version='1.0' encoding='utf-7'?><a/>",
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "",
        good.replace("ISMRMRD", "another"),
        good[: rng.randrange(len(good))],
        good.replace("<x>", "<x>" + " " * 10_000),
    ]
    text = texts[rng.randrange(len(texts))]
    with _open(folder) as file:
        name = "ismrmrd_header" if "ismrmrd_header" in file else "dataset/xml"
        if name in file:
            del file[name]
        file[name] = rng.choice([text, text.encode(), [text], np.bytes_(text.encode() or b" ")])
    return f"a header of {len(text)} characters, {text[:20]!r}"


def bomb(folder: Path, rng: Random) -> str:
    """Zeros under gzip, or under a filter that nobody has."""
    with _open(folder) as file:
        name = rng.choice(_datasets(file))
        dtype = file[name].dtype if file[name].dtype.kind in "fciu" else np.dtype("c8")
        del file[name]
        side = rng.choice([256, 2048])
        shape = (2, 4, side, side)[-rng.choice([3, 4]) :]
        dataset = file.create_dataset(
            name, shape, dtype, chunks=shape, compression="gzip", compression_opts=9
        )
        dataset[0] = 0
    return f"'{name}' of zeros {shape} in one compressed chunk"


def unknown_filter(folder: Path, rng: Random) -> str:
    """A compression that is not installed, or bytes that do not unpack."""
    with _open(folder) as file:
        name = rng.choice([n for n in _datasets(file) if file[n].shape] or ["kspace"])
        if name not in file:
            return "nothing"
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        how = rng.choice(["gzip", "lzf", "fletcher32", "shuffle"])
        options = {"fletcher32": True} if how == "fletcher32" else {"shuffle": True}
        options = {"compression": how} if how in ("gzip", "lzf") else options
        dataset = file.create_dataset(name, shape, dtype, chunks=shape, **options)
        dataset.id.write_direct_chunk((0,) * len(shape), rng.randbytes(50))
    return f"'{name}' under {how}, its bytes are noise"


def patched_size(folder: Path, rng: Random) -> str:
    """The declared size of an axis, changed in the file's bytes."""
    path = folder / FILE
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        shapes = [file[name].shape for name in _datasets(file) if file[name].shape]
    shape = rng.choice(shapes)
    stored = b"".join(n.to_bytes(8, "little") for n in shape)
    place = content.find(stored)
    if place < 0:
        return "nothing"
    place += 8 * rng.randrange(len(shape))
    number = rng.choice(NUMBERS)
    content[place : place + 8] = (number % 2**64).to_bytes(8, "little")
    path.write_bytes(content)
    return f"an axis of {shape} declared {number}"


def crowded(folder: Path, rng: Random) -> str:
    """Groups in groups, or very many of them."""
    with _open(folder) as file:
        if rng.random() < 0.5:
            file.create_group("/".join(["g"] * 500))
        else:
            for number in range(500):
                file.create_group(f"name {number}\n\x1b[31m")
        if rng.random() < 0.5 and "kspace" in file:
            del file["kspace"]
    return "500 groups"


_CHANGES: tuple[Change, ...] = (
    *(another_type, another_shape, another_shape, odd_numbers, taken_out, elsewhere),
    *(odd_attribute, odd_attribute, odd_header, bomb, unknown_filter, patched_size, crowded),
)


def _header() -> Header:
    return make_scan(slices=2, rows=12, columns=10, image=(8, 8)).header


def _mrd(path: Path) -> None:
    """An ISMRMRD file, one readout per entry, as its own library lays it out."""
    names = ("kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast")
    names += ("phase", "repetition", "set", "segment")
    counters = [*((name, "<u2") for name in names), ("user", "<u2", (8,))]
    head = np.dtype(
        [("version", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4"), ("scan_counter", "<u4")]
        + [("acquisition_time_stamp", "<u4"), ("physiology_time_stamp", "<u4", (3,))]
        + [("number_of_samples", "<u2"), ("available_channels", "<u2"), ("active_channels", "<u2")]
        + [("channel_mask", "<u8", (16,)), ("discard_pre", "<u2"), ("discard_post", "<u2")]
        + [("center_sample", "<u2"), ("encoding_space_ref", "<u2")]
        + [("trajectory_dimensions", "<u2"), ("sample_time_us", "<f4")]
        + [(name, "<f4", (3,)) for name in ("position", "read_dir", "phase_dir", "slice_dir")]
        + [("patient_table_position", "<f4", (3,)), ("idx", np.dtype(counters))]
        + [("user_int", "<i4", (8,)), ("user_float", "<f4", (8,))]
    )
    floats = h5py.vlen_dtype(np.float32)
    line = np.dtype([("head", head), ("traj", floats), ("data", floats)])
    header = _header()
    lines = np.zeros(header.slices * header.columns, line)
    lines["head"]["number_of_samples"], lines["head"]["active_channels"] = header.rows, 2
    for number in range(len(lines)):
        lines[number]["head"]["idx"]["kspace_encode_step_1"] = number % header.columns
        lines[number]["head"]["idx"]["slice"] = number // header.columns
        lines[number]["traj"] = np.zeros(0, np.float32)
        lines[number]["data"] = np.ones(2 * 2 * header.rows, np.float32)
    with h5py.File(path, "w") as file:
        file["dataset/xml"] = [format_header(header)]
        file.create_dataset("dataset/data", data=lines, maxshape=(None,), chunks=(len(lines),))


def kinds(folder: Path) -> list[Kind]:
    """Good files, made in a folder."""
    scan = make_scan(slices=2, rows=12, columns=10, image=(8, 8))
    labels = np.ones((2, 8, 8), np.uint8)
    fastmri = write_fastmri(folder / "a.h5", scan, labels=labels).read_bytes()
    images = np.ones((2, 8, 8), np.float32)
    pictures = write_reconstruction(folder / "b.h5", images, _header()).read_bytes()
    _mrd(folder / "c.h5")
    mrd = (folder / "c.h5").read_bytes()
    return [
        Kind("fastmri", {FILE: fastmri}, FILE, ("info", "scan", "scan", "layer"), _CHANGES),
        Kind("mrd", {FILE: mrd}, FILE, ("info", "scan"), _CHANGES),
        Kind("reconstruction", {FILE: pictures}, FILE, ("info", "picture", "layer"), _CHANGES),
    ]
