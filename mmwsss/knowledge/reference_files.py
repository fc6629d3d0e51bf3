"""The files of the reference implementation, read safely and put in the right order.

- ``CM_kg_57_info.json``: relation matrices from ConceptNet 5.7, VOC 20x20 and COCO 80x80, both in
  official order (S of ``KG_VOC_info`` and ``KG_COCO_info``).
- ``voc_glove_word2vec.pkl``, ``coco_glove_word2vec.pkl``: Python 2 pickles of one float array. The
  COCO rows are in alphabetical order of the names, which the reference overlooks; here they are
  put in official order by name.
"""
import io
import json
import pickle
from os import PathLike
from pathlib import Path
from typing import Any, Dict, Tuple, Union

import numpy as np

from .class_graph import ClassGraph
from .names import COCO_CLASSES, VOC_CLASSES

_KEYS = {'voc': 'KG_VOC_info', 'coco': 'KG_COCO_info'}
_CLASSES: Dict[str, Tuple[str, ...]] = {'voc': VOC_CLASSES, 'coco': COCO_CLASSES}


class _ArrayUnpickler(pickle.Unpickler):  # restricted
    """Builds numpy arrays, numbers, strings and containers, and nothing else."""

    _ALLOWED = {
        ('numpy', 'ndarray'), ('numpy', 'dtype'), ('_codecs', 'encode'),
        *((module, name) for module in ('numpy.core.multiarray', 'numpy._core.multiarray')
          for name in ('_reconstruct', 'scalar')),
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}, which is not an array')
        return super().find_class(module.replace('numpy.core', 'numpy._core')
                                  if hasattr(np, '_core') else module, name)


def read_pickled_array(path: Union[str, PathLike], offset: int = 0) -> Any:
    """Unpickle numpy arrays and containers of them; anything else in the file is refused.

    Args:
        path: file to read.
        offset: byte at which the pickle begins (after the header of an .npy file).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no pickle, is cut off, or asks for anything but arrays.
    """
    content = Path(path).expanduser().read_bytes()[offset:]
    try:
        return _ArrayUnpickler(io.BytesIO(content), encoding='latin1').load()  # restricted
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise ValueError(f'{path} is no pickle of plain arrays: {error}') from error


def read_reference_relations(path: Union[str, PathLike], dataset: str) -> np.ndarray:
    """The reference's relation matrix E, (C, C) float64, rows in official class order.

    Args:
        path: ``CM_kg_57_info.json``.
        dataset: ``'voc'`` (20) or ``'coco'`` (80).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is another file.
    """
    names = _classes(dataset)
    text = Path(path).expanduser().read_text(encoding='utf-8', errors='replace')
    try:
        matrix = np.array(json.loads(text)[_KEYS[dataset]]['S'], dtype=np.float64)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f'{path} is no CM_kg_57_info.json: no matrix under '
                         f'{_KEYS[dataset]}.S ({error})') from error
    if matrix.shape != (len(names), len(names)):
        raise ValueError(f'{path}: {_KEYS[dataset]}.S has shape {matrix.shape}, not '
                         f'({len(names)}, {len(names)})')
    return matrix


def read_reference_embeddings(path: Union[str, PathLike], dataset: str) -> np.ndarray:
    """The reference's GloVe vectors, (C, 300) float32, rows in official class order.

    Args:
        path: ``voc_glove_word2vec.pkl`` or ``coco_glove_word2vec.pkl`` (alphabetical, put right).
        dataset: ``'voc'`` or ``'coco'``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is another file.
    """
    names = _classes(dataset)
    array = read_pickled_array(path)
    if not isinstance(array, np.ndarray) or array.ndim != 2 or len(array) != len(names):
        raise ValueError(f'{path} holds {getattr(array, "shape", type(array).__name__)}, not one '
                         f'array of {len(names)} rows')
    alphabetical = {name: row for row, name in enumerate(sorted(names))}
    return np.ascontiguousarray(array[[alphabetical[name] for name in names]], dtype=np.float32)


def import_reference_graph(relations: Union[str, PathLike], embeddings: Union[str, PathLike],
                           dataset: str) -> ClassGraph:
    """Relations and vectors of the reference as a ClassGraph."""
    return ClassGraph(
        _classes(dataset), read_reference_relations(relations, dataset),
        read_reference_embeddings(embeddings, dataset), {
            'relations': {'kind': 'reference: ConceptNet 5.7, random walk with restart 0.15',
                          'file': Path(relations).name, 'licence': 'CC BY-SA 4.0 (ConceptNet)'},
            'embeddings': {'kind': 'reference: GloVe 6B 300d', 'file': Path(embeddings).name,
                           'licence': 'PDDL 1.0 (GloVe)',
                           'order': 'put from alphabetical into official order by name'}})


def _classes(dataset: str) -> Tuple[str, ...]:
    if dataset not in _CLASSES:
        raise ValueError(f'dataset={dataset!r} is unknown; use one of {tuple(_CLASSES)}')
    return _CLASSES[dataset]
