"""What the scanner measured of an image and what it could not: the null space of the encoding.

With g = E x + n, E = M F S and B = E* E (`mri.sense.Sense`), regularised projections

    P_lam = (B + lam I)^-1 B      x_meas = P_lam x      x_null = (I - P_lam) x

split an image into what the measured lines determine and what only a prior can have put there
(Bhadra et al., On hallucinations in tomographic image reconstruction, IEEE TMI 2021). B has
eigenvalues theta between 0 (the scanner saw nothing) and 1 (all); P_lam passes
theta / (theta + lam). P_lam is idempotent only in the limit lam -> 0: where theta = lam it
passes one half, and half of that the second time. With many coils hardly any theta is exactly
0, so that lam, best the squared noise-to-signal ratio, decides what counts as unmeasured.

As M keeps or drops whole columns, the transform along rows cancels in B: every image row is a
problem of its own. The spaces in which conjugate gradients would look for each row's answer
are spanned once (Lanczos, 1950); an answer for any lam is then one sum over them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_unlearn.mri.coils import rss
from napari_unlearn.mri.error import PhysicsError
from napari_unlearn.mri.fourier import ifft2c
from napari_unlearn.mri.sampling import Mask
from napari_unlearn.mri.sense import Sense

DIMENSION = 64
"""Of each row's Krylov space, as many as steps of conjugate gradients. docs/hallucinations.md
has the accuracy that this gave."""

_NOTHING_NEW = 1e-6
"""Part of B q outside the space under which the space counts as whole; B has norm 1."""

_ROUNDING = 16  # eigenvalues below so many times the precision are 0 but for rounding


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An image in parts, by how well each was measured:  x = sum_j z_j,  B z_j = theta_j z_j.

    Holds within the Krylov space of each row; parts of a row are orthogonal to each other.
    """

    levels: Tensor
    """theta, (rows, parts), between 0 and 1."""
    parts: Tensor
    """z, (rows, parts, columns) complex."""
    energies: Tensor
    """|z|^2, (rows, parts)."""

    def apply(self, response: Callable[[Tensor], Tensor]) -> Tensor:
        """Compute  f(B) x = sum_j f(theta_j) z_j,  (rows, columns) complex."""
        weights = response(self.levels).to(self.parts.dtype)
        return torch.bmm(weights[:, None], self.parts)[:, 0]

    def measured(self, lam: float) -> Tensor:
        """What the scanner determines,  P_lam x,  (rows, columns) complex."""
        _check(lam)
        return self.apply(lambda level: level / (level + lam))

    def null(self, lam: float) -> Tensor:
        """What it leaves open,  (I - P_lam) x = lam (B + lam I)^-1 x,  (rows, columns) complex."""
        _check(lam)
        return self.apply(lambda level: lam / (level + lam))

    def solved(self, lam: float) -> Tensor:
        """Regularised inverse,  (B + lam I)^-1 x,  (rows, columns) complex."""
        _check(lam)
        return self.apply(lambda level: 1 / (level + lam))

    def null_share(self, lam: float) -> float:
        """Share of the energy that the scanner leaves open,  |x_null|^2 / |x|^2; grows with lam.

        0 for an empty image.

        Raises:
            PhysicsError: lam is not a number above 0.
        """
        _check(lam)
        whole = float(self.energies.sum())
        if whole == 0:
            return 0.0
        passed = (lam / (self.levels + lam)) ** 2
        return float((passed * self.energies).sum()) / whole


def spectrum(encoding: Sense, image: Tensor, dimension: int = DIMENSION) -> Spectrum:
    """Split an image by how well the scanner measured it.

    Exact for every lam once the space is whole, as it is after two steps with one coil of unit
    sensitivity; else as good as `dimension` steps of conjugate gradients on each row.

    Args:
        encoding: Maps and mask; the maps should be of unit norm wherever the image is not 0.
        image: (rows, columns) complex, any scale.
        dimension: Of each row's Krylov space, at most the number of columns.

    Raises:
        PhysicsError: The image does not fit the maps, or the dimension is below 1.
    """
    shape = encoding.sensitivities.shape[1:]
    if image.shape != shape or dimension < 1:
        raise PhysicsError(
            f"An image of shape {tuple(image.shape)} cannot be split in {dimension} parts by "
            f"coils of shape {tuple(shape)}; shapes must be equal and the parts at least one."
        )
    maps = encoding.sensitivities.transpose(0, 1).contiguous()
    conjugate = maps.conj().resolve_conj()
    lines = torch.fft.ifftshift(encoding.mask.lines.to(maps.device))

    def normal(rows: Tensor) -> Tensor:
        # F* M F commutes with shifts, so that centring it would change nothing
        kspace = torch.fft.fft(maps * rows[:, None], dim=-1) * lines
        return (conjugate * torch.fft.ifft(kspace, dim=-1)).sum(1)

    basis, diagonal, beside = _lanczos(normal, image, min(dimension, image.shape[1]))
    small = torch.diag_embed(diagonal)
    small = small + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
    levels, turn = torch.linalg.eigh(small)
    lengths = turn[:, 0] * image.norm(dim=1)[:, None]
    parts = torch.bmm((turn * lengths[:, None]).transpose(1, 2).to(basis.dtype), basis)
    least = _ROUNDING * torch.finfo(levels.dtype).eps
    levels = torch.where(levels < least, 0, levels).clamp_max(1)
    return Spectrum(levels, parts, lengths.square())


def misfit(encoding: Sense, image: Tensor, measured: Tensor) -> Tensor:
    """Bring what contradicts the measured lines back to the image,  E* (E x - g).

    The measurement map is its regularised inverse,  (B + lam I)^-1 E* (E x - g), that is
    `spectrum(encoding, misfit(...)).solved(lam)`; it needs no reference.

    Args:
        encoding: Maps and mask.
        image: (rows, columns) complex.
        measured: g, (coils, rows, columns) complex; columns outside the mask are ignored.
    """
    return encoding.normal(image) - encoding.adjoint(measured)


def coil_null(kspace: Tensor, reference: Tensor, mask: Mask) -> Tensor:
    """Difference in the lines that were not measured,  RSS_c F^-1 [(1 - M)(k_hat_c - k_c)].

    Closed, coil by coil, without sensitivities: what one coil left open may be determined by
    the others, so that this is the most that a prior can have put there.

    Args:
        kspace: Of the reconstruction, (coils, rows, columns) complex.
        reference: Fully sampled, same shape.
        mask: Acquired columns.

    Returns:
        (rows, columns), in the unit of the images.
    """
    _check_coils(kspace, reference, mask)
    return rss(ifft2c((kspace - reference) * ~mask.lines.to(kspace.device)))


def coil_measurement(kspace: Tensor, measured: Tensor, mask: Mask) -> Tensor:
    """Difference in the measured lines,  RSS_c F^-1 [M (k_hat_c - g_c)]; needs no reference.

    Arguments and result as in `coil_null`, with g as the reference.
    """
    _check_coils(kspace, measured, mask)
    return rss(ifft2c((kspace - measured) * mask.lines.to(kspace.device)))


def _lanczos(
    normal: Callable[[Tensor], Tensor], image: Tensor, dimension: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Span each row's Krylov space: basis (rows, dimension, columns), T's two diagonals."""
    rows, columns = image.shape
    norms = image.norm(dim=1, keepdim=True)
    basis = image.new_zeros(rows, dimension, columns)
    diagonal, beside = norms.new_zeros(rows, dimension), norms.new_zeros(rows, dimension)
    vector = torch.where(norms > 0, image / norms, 0)
    for step in range(dimension):
        basis[:, step] = vector
        new = normal(vector)
        diagonal[:, step] = (vector.conj() * new).sum(1).real
        known = basis[:, : step + 1]
        # twice: in float32 the first pass leaves rounding that grows from step to step
        for _ in range(2):
            # the short vectors are conjugated, not the long basis
            along = torch.bmm(known, new.conj().resolve_conj()[:, :, None]).conj()
            new = new - torch.bmm(along.transpose(1, 2).resolve_conj(), known)[:, 0]
        length = new.norm(dim=1, keepdim=True)
        beside[:, step] = torch.where(length > _NOTHING_NEW, length, 0)[:, 0]
        vector = torch.where(length > _NOTHING_NEW, new / length, 0)
    return basis, diagonal, beside[:, :-1]


def _check(lam: float) -> None:
    if not 0 < lam < float("inf"):
        raise PhysicsError(f"Lambda {lam:g} must be a finite number above 0.")


def _check_coils(kspace: Tensor, other: Tensor, mask: Mask) -> None:
    if kspace.shape != other.shape or kspace.shape[-1] != len(mask.lines):
        raise PhysicsError(
            f"K-space of shape {tuple(kspace.shape)} cannot be set against {tuple(other.shape)} "
            f"under a mask of {len(mask.lines)} columns; shapes and widths must be equal."
        )
