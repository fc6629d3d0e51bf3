"""Other relations than walks: co-occurrence in images, and controls without knowledge.

Shape letters: C classes, S images.
"""
from typing import Optional

import numpy as np

from .walk import relation_matrix

COOCCURRENCE_FORMS = ('ml-gcn', 'conditional', 'symmetric')


def conditional_probabilities(labels: np.ndarray) -> np.ndarray:
    """P(j | i) = images with both / images with i.

    Args:
        labels: (S, C), 1 (or true) where the image shows the class.

    Returns:
        ndarray: (C, C) float64, row = given class; not symmetric, diagonal 1. A class in no image
        has no relations but to itself.

    Raises:
        ValueError: if the labels are not 0/1, or there is no image.
    """
    shown_sc = np.asarray(labels)
    if shown_sc.ndim != 2 or not shown_sc.size:
        raise ValueError(f'labels must be (images, classes), not {shown_sc.shape}')
    if not np.isin(shown_sc, (0, 1)).all():
        raise ValueError('labels must be 0 or 1 (image shows the class)')
    shown_sc = shown_sc.astype(np.float64)
    together_cc = shown_sc.T @ shown_sc
    given_cc = together_cc / np.maximum(np.diagonal(together_cc), 1)[:, None]
    np.fill_diagonal(given_cc, 1)
    return given_cc


def cooccurrence_relations(labels: np.ndarray, threshold: float = 0.4, reweight: float = 0.2,
                           form: str = 'ml-gcn') -> np.ndarray:
    """Which classes come in the same images.

    Args:
        labels: (S, C), 1 (or true) where the image shows the class.
        threshold: of ``'ml-gcn'``, in (0, 1].
        reweight: p of ``'ml-gcn'``, in [0, 1).
        form:

            - ``'ml-gcn'``: after ML-GCN (Chen et al. 2019, Eq. 6-8): 1 where P(j | i) >=
              ``threshold``, else 0; then ``reweight`` is shared evenly among a class's partners
              and 1 - ``reweight`` stays with itself. Rows sum to 1; not symmetric.
            - ``'conditional'``: P(j | i) itself, diagonal 1; not symmetric.
            - ``'symmetric'``: sqrt(P(j | i) P(i | j)), what Eq. 3 of grm.txt does with walks;
              0 for classes never seen together, 1 for such as never come alone.

    Returns:
        ndarray: (C, C) float64. A class without partners (or in no image) keeps 1 on the diagonal.

    Raises:
        ValueError: if the labels are not 0/1, a parameter is out of range or the form is unknown.
    """
    if form not in COOCCURRENCE_FORMS:
        raise ValueError(f'form={form!r} is unknown; use one of {COOCCURRENCE_FORMS}')
    if not 0 < threshold <= 1 or not 0 <= reweight < 1:
        raise ValueError(f'threshold={threshold} must be in (0, 1], reweight={reweight} in [0, 1)')
    given_cc = conditional_probabilities(labels)
    if form == 'conditional':
        return given_cc
    if form == 'symmetric':
        return relation_matrix(given_cc)
    return _threshold_and_share(given_cc, threshold, reweight)


def _threshold_and_share(given_cc: np.ndarray, threshold: float, reweight: float) -> np.ndarray:
    partner_cc = (given_cc >= threshold).astype(np.float64)
    np.fill_diagonal(partner_cc, 0)
    partners_c = partner_cc.sum(axis=1)
    relations_cc = reweight * partner_cc / np.maximum(partners_c, 1)[:, None]
    np.fill_diagonal(relations_cc, np.where(partners_c > 0, 1 - reweight, 1.0))
    return relations_cc


def identity_relations(num_classes: int) -> np.ndarray:
    """No class is related to another: (C, C) identity."""
    _check_count(num_classes)
    return np.eye(num_classes)


def random_relations(num_classes: int, seed: int = 0,
                     like: Optional[np.ndarray] = None) -> np.ndarray:
    """Relations that know nothing: symmetric, uniform in [0, 1), diagonal 1.

    Args:
        num_classes: C.
        seed: of the random numbers.
        like: (C, C) symmetric relations whose off-diagonal values are dealt out at random instead
            (and whose diagonal is kept): the control with the same distribution of weights.

    Returns:
        ndarray: (C, C) float64.
    """
    _check_count(num_classes)
    rng = np.random.default_rng(seed)
    upper = np.triu_indices(num_classes, 1)
    relations_cc = np.eye(num_classes)
    values = rng.random(len(upper[0]))
    if like is not None:
        like = np.asarray(like, dtype=np.float64)
        if like.shape != relations_cc.shape or not np.allclose(like, like.T):
            raise ValueError(f'like must be symmetric ({num_classes}, {num_classes})')
        np.fill_diagonal(relations_cc, np.diagonal(like))
        values = rng.permutation(like[upper])
    relations_cc[upper] = values
    relations_cc[upper[::-1]] = values
    return relations_cc


def _check_count(num_classes: int) -> None:
    if num_classes < 1:
        raise ValueError(f'num_classes={num_classes} must be at least 1')
