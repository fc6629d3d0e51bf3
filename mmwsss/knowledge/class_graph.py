"""The class graph: relations and word vectors of a list of classes, with where they came from.

Shape letters: C classes, D channels of a word vector.
Source: grm.txt §3.1 (vertices V, edges E), §3.2 (how E is made).
"""
import json
from os import PathLike
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence, Tuple, Union

import numpy as np

from .names import match
from .storage import load_npz, save_npz

_SHIPPED = Path(__file__).parent / 'graphs'
SHIPPED_GRAPHS = ('voc', 'coco', 'voc_cooccurrence')


class ClassGraph:
    """Relations E and word vectors V of C classes, by name.

    Args:
        names: C different class names.
        relations: E, shape (C, C), finite and >= 0; row = from, column = to. Symmetric if it comes
            from random walks, not from co-occurrences.
        embeddings: V, shape (C, D), finite; row i belongs to ``names[i]``.
        provenance: anything that JSON can hold: sources, versions, parameters, licences, and under
            ``'classes'`` what stands for each class.

    Attributes:
        names (tuple[str, ...]): C names.
        relations (ndarray): (C, C) float64.
        embeddings (ndarray): (C, D) float32.
        provenance (dict): as given, as JSON reads it back.

    Raises:
        ValueError: if a shape, a value or a name does not fit.
    """

    def __init__(self, names: Sequence[str], relations: np.ndarray, embeddings: np.ndarray,
                 provenance: Mapping[str, Any]) -> None:
        self.names: Tuple[str, ...] = tuple(str(name) for name in names)
        self.relations = np.array(relations, dtype=np.float64)
        self.embeddings = np.array(embeddings, dtype=np.float32)
        try:
            self.provenance: Dict[str, Any] = json.loads(json.dumps(dict(provenance)))
        except TypeError as error:
            raise ValueError(f'the provenance must be plain JSON: {error}') from error
        self._check()

    def _check(self) -> None:
        num_classes = len(self.names)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice or not num_classes:
            raise ValueError(f'class names must be different and at least one; twice: {twice}')
        if self.relations.shape != (num_classes, num_classes):
            raise ValueError(f'relations have shape {self.relations.shape}; {num_classes} class '
                             f'names need ({num_classes}, {num_classes})')
        if self.embeddings.ndim != 2 or len(self.embeddings) != num_classes:
            raise ValueError(f'embeddings have shape {self.embeddings.shape}; {num_classes} class '
                             f'names need ({num_classes}, D)')
        if not np.isfinite(self.relations).all() or (self.relations < 0).any():
            raise ValueError('relations must be finite and not negative')
        if not np.isfinite(self.embeddings).all():
            raise ValueError('embeddings must be finite')

    @classmethod
    def load(cls, source: Union[str, PathLike]) -> 'ClassGraph':
        """Read a shipped graph (``'voc'``, ``'coco'``, ``'voc_cooccurrence'``) or an npz file.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is no class graph.
        """
        shipped = source in SHIPPED_GRAPHS
        path = _SHIPPED / f'{source}.npz' if shipped else Path(source).expanduser()
        if not shipped and not path.is_file():
            raise FileNotFoundError(
                f'no class graph {str(source)!r}: give one of {SHIPPED_GRAPHS} or the path of an '
                'npz made by tools/build_class_graph.py')
        arrays = load_npz(path, ('names', 'relations', 'embeddings', 'provenance'), 'class graph')
        try:
            return cls(arrays['names'].tolist(), arrays['relations'], arrays['embeddings'],
                       json.loads(str(arrays['provenance'])))
        except (ValueError, TypeError) as error:
            raise ValueError(f'{path} is no class graph: {error}') from error

    def save(self, path: Union[str, PathLike]) -> None:
        """Write one npz without pickles: whole or not at all, same content same bytes."""
        provenance = json.dumps(self.provenance, sort_keys=True, ensure_ascii=True)
        save_npz(path, {
            'names': np.array(self.names, dtype=np.str_),
            'relations': self.relations,
            'embeddings': self.embeddings,
            'provenance': np.array(provenance, dtype=np.str_),
        })

    def align(self, names: Sequence[str]) -> 'ClassGraph':
        """The graph of ``names``, in their order and under these names.

        Args:
            names: classes to keep, each known under its own name or an alias
                (:data:`mmwsss.knowledge.names.ALIASES`); the background is none of them.

        Raises:
            UnknownClassError: (a KeyError and ValueError) naming each class that is not known.
            ValueError: if two names mean the same class.
        """
        rows = match(names, self.names)
        return ClassGraph(names, self.relations[np.ix_(rows, rows)], self.embeddings[rows],
                          self._provenance_of(names, rows))

    def _provenance_of(self, names: Sequence[str], rows: Sequence[int]) -> Dict[str, Any]:
        """The provenance with the records of the kept classes only, under their new names."""
        provenance = dict(self.provenance)
        records = provenance.get('classes')
        if not isinstance(records, dict):
            return provenance
        kept = {}
        for name, row in zip(names, rows):
            old = self.names[row]
            record = dict(records.get(old, {}))
            kept[name] = record if name == old else {**record, 'aligned_from': old}
        return {**provenance, 'classes': kept}

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassGraph):
            return NotImplemented
        return (self.names == other.names
                and np.array_equal(self.relations, other.relations)
                and np.array_equal(self.embeddings, other.embeddings)
                and self.provenance == other.provenance)

    __hash__ = None  # it holds arrays that can be changed

    def __repr__(self) -> str:
        shown = ', '.join(self.names[:4]) + (', …' if len(self) > 4 else '')
        kind = self.provenance.get('relations', {})
        kind = kind.get('kind', 'unknown') if isinstance(kind, dict) else str(kind)
        return (f'ClassGraph({len(self)} classes: {shown}; relations: {kind}; word vectors: '
                f'{self.embeddings.shape[1]} channels)')
