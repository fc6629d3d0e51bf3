"""Fully connected CRF with Gaussian pairwise terms, mean-field inference.

Source: Krähenbühl & Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials", NIPS 2011, Eq. 3 and Algorithm 1; Potts compatibility; kernels normalised on both
sides (K̂ = D^-1/2 K D^-1/2), as in the authors' code and its Python wrapper.

B: label maps of one image, H, W: its size, N: H·W pixels, K: classes carried, C: classes.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from .permutohedral import PermutohedralLattice
from .refinement import checked_image, refine_labels, refine_probabilities


@dataclass(frozen=True)
class CRFSettings:
    """Strengths and widths of the two pairwise terms; pydensecrf's parameters.

    ``gaussian_xy`` is ``sxy`` of its ``addPairwiseGaussian`` and ``gaussian_weight`` the
    ``compat``; the other three are ``sxy``, ``srgb`` and ``compat`` of ``addPairwiseBilateral``.
    Widths are standard deviations, in pixels and in grey levels of 0…255.
    """

    gaussian_xy: float
    gaussian_weight: float
    bilateral_xy: float
    bilateral_rgb: float
    bilateral_weight: float
    iterations: int = 10

    def __post_init__(self):
        if min(self.gaussian_xy, self.bilateral_xy, self.bilateral_rgb) <= 0:
            raise ValueError(f'standard deviations of a CRF must be positive: {self}')
        if self.iterations < 0 or int(self.iterations) != self.iterations:
            raise ValueError(f'iterations must be 0, 1, 2, …, got {self.iterations}')


CRF_PRESETS = {
    # IRN's labels from activation maps (cam_to_ir_label), also AdvCAM, ReCAM.
    'irn': CRFSettings(gaussian_xy=3, gaussian_weight=3, bilateral_xy=50, bilateral_rgb=5,
                       bilateral_weight=10),
    # DeepLabV2 at test time, as in kazuto1011/deeplab-pytorch.
    'deeplab': CRFSettings(gaussian_xy=1, gaussian_weight=3, bilateral_xy=67, bilateral_rgb=3,
                           bilateral_weight=4),
}


def dense_crf(image, unary, settings: CRFSettings | str = 'irn', *,
              classes: Sequence[int] | None = None, label_probability: float = 0.7,
              min_probability: float = 0.01, backend: str = 'torch'):
    """Refine class probabilities, or a label map, along the colours of an image.

    Args:
        image: (H, W, 3) uint8; RGB or BGR (the lattice is not quite the same for both).
        unary: what to refine. Floating (C, H, W): class probabilities, whose −log is the unary
            energy (clipped at 1e-5). Integer or bool (H, W): a label map, or (B, H, W): several
            of the same image, which share its lattice; 255 is "unknown" (all carried classes
            alike). NumPy arrays or tensors; a tensor's device does the work.
        settings: :class:`CRFSettings`, or the name of a preset: 'irn', 'deeplab'.
        classes: label maps only: the classes that may appear, default those that do (in any of
            several maps). IRN's labels carry background and the image's classes even where the
            seed has none of one.
        label_probability: label maps only: how sure they are; pydensecrf's ``gt_prob``.
        min_probability: probabilities only: a class that reaches this nowhere and is nowhere the
            most probable is left out and gets probability 0. 0 carries all classes.
        backend: 'torch' (CPU and GPU, nothing to compile) or 'pydensecrf2' (CPU, the compiled
            original, if installed).

    Returns:
        For probabilities: (C, H, W) float32 marginals. For label maps: uint8 labels, as given.
        A tensor on the same device for a tensor, else an array.

    Raises:
        ValueError: sizes differ, NaN or negative probabilities, labels outside ``classes``.
        ImportError: backend 'pydensecrf2' without the package.
    """
    if isinstance(settings, str):
        if settings not in CRF_PRESETS:
            raise ValueError(f'no CRF preset {settings!r}; there are {sorted(CRF_PRESETS)}')
        settings = CRF_PRESETS[settings]
    if backend not in _BACKENDS:
        raise ValueError(f'no CRF backend {backend!r}; there are {sorted(_BACKENDS)}')
    given_tensor = isinstance(unary, Tensor)
    unary = torch.as_tensor(unary)
    image = checked_image(image, unary)

    def infer(probabilities_bkhw: Tensor) -> Tensor:
        if probabilities_bkhw.shape[1] == 1:
            return torch.ones_like(probabilities_bkhw)
        energy = -probabilities_bkhw.clamp(1e-5, 1).log()
        return _BACKENDS[backend](image, energy, settings)

    with torch.no_grad():
        if unary.is_floating_point():
            result = refine_probabilities(unary, min_probability, infer)
        elif not 0 < label_probability < 1:
            raise ValueError('label_probability must lie between 1/K (K classes carried) and 1, '
                             f'got {label_probability}')
        else:
            result = refine_labels(unary, classes, label_probability, infer)
    return result if given_tensor else result.numpy()


def _infer_torch(image: Tensor, energy: Tensor, settings: CRFSettings) -> Tensor:
    """Marginals (B, K, H, W) after the mean-field iterations; energy (B, K, H, W) float32.

    Filters act on columns and the softmax on rows, so all maps go through one lattice together:
    (N, B·K) for the one is (N·B, K) for the other."""
    b, k, h, w = energy.shape
    n = h * w
    negative_rk = -energy.permute(2, 3, 0, 1).reshape(n * b, k)
    marginal_rk = _softmax_of_rows(negative_rk)
    kernels = []
    if settings.gaussian_weight != 0:
        kernels.append((settings.gaussian_weight,
                        *_position_lattice(h, w, settings.gaussian_xy, image.device)))
    if settings.bilateral_weight != 0:
        features = torch.cat([_positions(h, w, settings.bilateral_xy, image.device),
                              image.reshape(h * w, 3) / settings.bilateral_rgb], dim=1)
        kernels.append((settings.bilateral_weight, *_normalised_lattice(features)))
    for _ in range(settings.iterations):
        score_rk = negative_rk.clone()
        for weight, lattice, scale_n1 in kernels:
            message = lattice.filter(marginal_rk.view(n, b * k) * scale_n1)
            score_rk.view(n, b * k).addcmul_(message, scale_n1, value=weight)
        marginal_rk = _softmax_of_rows(score_rk)
    return marginal_rk.view(h, w, b, k).permute(2, 3, 0, 1)


def _softmax_of_rows(scores_nk: Tensor) -> Tensor:
    """Softmax over the classes. On a CPU torch takes several times as long for rows shorter than
    a vector register as for columns, two transpositions included."""
    if scores_nk.is_cuda or scores_nk.shape[1] >= 16:
        return scores_nk.softmax(dim=1)
    return scores_nk.T.contiguous().softmax(dim=0).T.contiguous()


def _positions(h: int, w: int, width: float, device: torch.device) -> Tensor:
    """(N, 2) pixel coordinates over ``width``."""
    rows = torch.arange(h, device=device, dtype=torch.float32) / width
    columns = torch.arange(w, device=device, dtype=torch.float32) / width
    return torch.stack(torch.meshgrid(columns, rows, indexing='xy'), dim=-1).flatten(0, 1)


def _normalised_lattice(features: Tensor) -> tuple[PermutohedralLattice, Tensor]:
    """A lattice and the (N, 1) scale D^-1/2 to apply before and after its filter."""
    lattice = PermutohedralLattice(features)
    ones = torch.ones(len(features), 1, device=features.device)
    return lattice, (lattice.filter(ones) + 1e-20).rsqrt()


@lru_cache(maxsize=4)
def _position_lattice(h: int, w: int, width: float, device: torch.device):
    """The lattice of the positions alone: the same for all images of a size."""
    return _normalised_lattice(_positions(h, w, width, device))


def _infer_pydensecrf2(image: Tensor, energy: Tensor, settings: CRFSettings) -> Tensor:
    if find_spec('pydensecrf') is None:
        raise ImportError("CRF backend 'pydensecrf2' needs the package: pip install pydensecrf2  "
                          "(or take backend='torch', which needs none)")
    from pydensecrf.densecrf import DenseCRF2D
    k, h, w = energy.shape[1:]
    crf = DenseCRF2D(w, h, k)
    if settings.gaussian_weight != 0:
        crf.addPairwiseGaussian(sxy=settings.gaussian_xy, compat=settings.gaussian_weight)
    if settings.bilateral_weight != 0:
        crf.addPairwiseBilateral(sxy=settings.bilateral_xy, srgb=settings.bilateral_rgb,
                                 rgbim=np.ascontiguousarray(image.cpu().numpy()),
                                 compat=settings.bilateral_weight)
    marginals = torch.empty_like(energy)
    for one, given in zip(marginals, energy.flatten(2).cpu().numpy()):
        crf.setUnaryEnergy(np.ascontiguousarray(given))
        inferred = np.array(crf.inference(settings.iterations), dtype=np.float32)
        one.copy_(torch.from_numpy(inferred).view(k, h, w))
    return marginals


_BACKENDS = {'torch': _infer_torch, 'pydensecrf2': _infer_pydensecrf2}
