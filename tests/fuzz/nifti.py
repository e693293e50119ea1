"""NIfTI volumes, label maps and folders of subjects, and what can be wrong with them."""

import gzip
from pathlib import Path
from random import Random

import nibabel as nib
import numpy as np

from tests.fuzz.damage import NUMBERS
from tests.fuzz.kind import Change, Kind

_FLOATS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-40, 3.4e38, 1e20)
_HEADER = nib.Nifti1Header.template_dtype
_LARGE = 2**26
"""Bytes of zeros in a bomb; about 64 KiB when packed."""


def _unpacked(path: Path) -> bytearray:
    content = path.read_bytes()
    return bytearray(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)


def _pack(path: Path, content: bytes) -> None:
    packed = path.suffix == ".gz"
    path.write_bytes(gzip.compress(content, 1, mtime=0) if packed else content)


def _volume(folder: Path, rng: Random) -> Path:
    found = [p for p in sorted(folder.rglob("*")) if p.name.endswith((".nii", ".nii.gz"))]
    return rng.choice(found)


def odd_field(folder: Path, rng: Random) -> str:
    """A field of the header holds a number that it should not."""
    path = _volume(folder, rng)
    content = _unpacked(path)
    header = np.frombuffer(content[:348], _HEADER).copy()
    name = rng.choice(["dim", "dim", "dim", "datatype", "bitpix", "vox_offset", "pixdim", "magic"])
    name = rng.choice([name, name, *_HEADER.names])
    flat = header[name].reshape(-1)
    place = rng.randrange(flat.size)
    if flat.dtype.kind == "f":
        value = rng.choice(_FLOATS)
    elif flat.dtype.kind in "iu":
        limits = np.iinfo(flat.dtype)
        number = rng.choice((*NUMBERS, 2, 4, 8, 64, 128, 1536, 2304))
        value = min(max(number, int(limits.min)), int(limits.max))
    else:
        value = rng.choice([b"", b"ni1", b"n+2", b"\xff" * 8])
    flat[place] = value
    header[name] = flat.reshape(header[name].shape)
    content[:348] = header.tobytes()
    _pack(path, content)
    return f"{path.name}: {name}[{place}] = {value!r}"


def other_order(folder: Path, rng: Random) -> str:
    """Numbers the other way round, in the header alone."""
    path = _volume(folder, rng)
    content = _unpacked(path)
    content[:348] = np.frombuffer(content[:348], _HEADER).byteswap().tobytes()
    _pack(path, content)
    return f"{path.name}: its header in the other byte order"


def extension(folder: Path, rng: Random) -> str:
    """A header extension of an impossible length."""
    path = _volume(folder, rng)
    content = _unpacked(path)
    size = rng.choice([0, 1, 8, 16, 17, -16, 2**31 - 1, 2**20])
    more = (size % 2**32).to_bytes(4, "little") + (6).to_bytes(4, "little") + b"comment."
    content[348:352] = b"\x01\0\0\0"
    content[352:352] = more
    if rng.random() < 0.7:
        content[108:112] = np.float32(352 + rng.choice([16, 32, 2**20])).tobytes()
    _pack(path, content)
    return f"{path.name}: an extension of {size} bytes"


def odd_numbers(folder: Path, rng: Random) -> str:
    """NaN, infinity, huge or equal numbers, or a type that images do not have."""
    path = _volume(folder, rng)
    image = nib.Nifti1Image.from_bytes(bytes(_unpacked(path)))
    data = np.asarray(image.dataobj, np.float32)
    data = data.astype(rng.choice(["f4", "f8", "i1", "u8", "c8", "i8", "f4", "f4"]))
    value = rng.choice([np.nan, np.inf, 3e38, 0, 300, -5, 0.5])
    with np.errstate(all="ignore"):
        if rng.random() < 0.3:
            data[...] = np.float32(value).astype(data.dtype)
        else:
            data.flat[rng.randrange(data.size)] = np.float32(value).astype(data.dtype)
    again = nib.Nifti1Image(data, image.affine, dtype=data.dtype)
    _pack(path, again.to_bytes())
    return f"{path.name}: {value} as {data.dtype}"


def other_grid(folder: Path, rng: Random) -> str:
    """Another shape or another place than the other files of the subject have."""
    path = _volume(folder, rng)
    image = nib.Nifti1Image.from_bytes(bytes(_unpacked(path)))
    axes = rng.choice([1, 2, 3, 4, 5, 6, 7])
    shape = tuple(rng.choice([1, 2, 5, 9]) for _ in range(axes))
    affine = np.array(image.affine)
    if rng.random() < 0.5:
        affine[: rng.randrange(1, 4), rng.randrange(4)] = rng.choice([0.0, 1e30, 1e-30, 5.0])
    data = np.ones(shape, rng.choice([np.uint8, np.float32]))
    _pack(path, nib.Nifti1Image(data, affine).to_bytes())
    return f"{path.name}: shape {shape}, affine {affine[:3].round(1).tolist()}"


def bomb(folder: Path, rng: Random) -> str:
    """A great many zeros in a small file, declared or not."""
    path = _volume(folder, rng)
    content = _unpacked(path)
    if rng.random() < 0.5:
        side = 1024
        header = np.frombuffer(content[:348], _HEADER).copy()
        header["dim"] = (3, side, side, rng.choice([64, 4096, 32767]), 1, 1, 1, 1)
        header["datatype"], header["bitpix"] = 2, 8
        content[:348] = header.tobytes()
    packed = gzip.compress(bytes(content[:352]) + bytes(_LARGE), 9, mtime=0)
    path.write_bytes(packed if path.suffix == ".gz" else bytes(content[:352]) + bytes(2**20))
    return f"{path.name}: {_LARGE >> 20} MiB of zeros in {len(packed)} bytes"


def badly_packed(folder: Path, rng: Random) -> str:
    """Packed twice, in several members, cut off, or with something behind."""
    path = _volume(folder, rng)
    content = bytes(_unpacked(path))
    packed = gzip.compress(content, 1, mtime=0)
    forms = {
        "packed twice": gzip.compress(packed, 1, mtime=0),
        "in two members": gzip.compress(content[:400], 1) + gzip.compress(content[400:], 1),
        "cut off": packed[: rng.randrange(11, len(packed))],
        "with a wrong checksum": packed[:-8] + b"\0" * 8,
        "with noise behind": packed + rng.randbytes(100),
        "with a long name": packed[:3] + b"\x08" + packed[4:10] + b"A" * 10**6 + packed[10:],
        "with a thousand empty members": gzip.compress(b"", 1) * 1000 + packed,
    }
    name = rng.choice(list(forms))
    path.write_bytes(forms[name])
    return f"{path.name}: {name}"


_CHANGES: tuple[Change, ...] = (
    *(odd_field, odd_field, odd_field, other_order, extension, odd_numbers, odd_numbers),
    *(other_grid, bomb, badly_packed),
)


def half_a_subject(folder: Path, rng: Random) -> str:
    """A file of a subject is missing or lies where another should."""
    path = _volume(folder, rng)
    if rng.random() < 0.5:
        path.unlink()
        return f"no {path.name}"
    path.rename(path.with_name(rng.choice(["T9.nii.gz", "..nii.gz", "a b.nii", " .nii.gz"])))
    return f"{path.name} under another name"


def odd_list(folder: Path, rng: Random) -> str:
    """A list of subjects that leads out of its folder, or is no list."""
    lines = rng.choice(
        [
            b"../../etc/passwd /etc/passwd",
            b"/dev/zero /dev/zero",
            b"a.nii.gz",
            b"a.nii.gz b.nii.gz c.nii.gz",
            b"\xff\xfe\x00",
            b"x" * 5000 + b" y",
            b"\n" * 10**5,
            b"a.nii.gz b.nii.gz\n" * 1000,
            b"./a.nii.gz ./a.nii.gz",
            b"a.nii.gz\0 b.nii.gz",
        ]
    )
    (folder / "train.txt").write_bytes(lines)
    return f"a list {lines[:24]!r}"


def kinds(folder: Path) -> list[Kind]:
    """Good files, made in a folder."""
    rng = np.random.default_rng(0)
    affine = np.diag([-1.0, -1.1, 3.0, 1.0])

    def stored(data: np.ndarray, suffix: str = ".nii.gz") -> bytes:
        path = folder / f"v{suffix}"
        image = nib.Nifti1Image(data, affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, path)
        return path.read_bytes()

    image = rng.uniform(1, 2, (9, 8, 7)).astype(np.float32)
    labels = rng.integers(0, 11, (9, 8, 7)).astype(np.uint8)
    series = rng.uniform(1, 2, (6, 5, 4, 3)).astype(np.float32)
    challenge = {
        **{f"s/1/pre/{name}.nii.gz": stored(image) for name in ("FLAIR", "reg_T1", "reg_IR")},
        "s/1/segm.nii.gz": stored(labels),
    }
    whole = ("info", "scan", "subject", "layer")
    listed = {
        "a.nii.gz": stored(image),
        "b.nii.gz": stored(labels),
        "train.txt": b"a.nii.gz b.nii.gz",
    }
    first = "s/1/pre/reg_T1.nii.gz"
    folders = (*_CHANGES, half_a_subject, half_a_subject)
    return [
        Kind("nifti", {"v.nii": stored(image, ".nii")}, "v.nii", whole, _CHANGES),
        Kind("nifti-gz", {"v.nii.gz": stored(image)}, "v.nii.gz", whole, _CHANGES),
        Kind("nifti-series", {"v.nii": stored(series, ".nii")}, "v.nii", whole, _CHANGES),
        Kind("labels", {"l.nii.gz": stored(labels)}, "l.nii.gz", ("labels", "info"), _CHANGES),
        Kind("mrbrains", challenge, "s", ("subjects", "info"), folders, hurt=first),
        Kind("subject", challenge, "s/1", ("subject", "info"), folders, hurt=first),
        Kind("list", listed, "train.txt", ("subjects", "subject"), (*_CHANGES, odd_list, odd_list)),
    ]
