"""ConceptNet's table of assertions, read in one pass.

The file (``conceptnet-assertions-5.7.0.csv``, plain or .gz) has five columns between tabs: edge,
relation, start, end, and JSON with the weight. A concept is the third part of ``/c/en/dog/n/...``:
parts of speech and senses are merged, as in the reference (Fang et al. 2017; grm.txt §3.2).

Most lines are not in the wanted language. They are told apart for a whole block at once by numpy,
and Python sees only the lines that count.

Shape letters: E edges, N concepts.
"""
import hashlib
import json
import math
import os
import re
from os import PathLike
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from scipy import sparse

from .blocks import BlockReader, whole_lines
from .progress import Progress
from .storage import load_npz, save_npz

# Relations that say what a thing is not. The reference leaves out these seven.
DROPPED_RELATIONS = ('Antonym', 'NotDesires', 'NotHasProperty', 'NotCapableOf', 'NotUsedFor',
                     'DistinctFrom', 'ObstructedBy')

_TAB, _NEWLINE = 9, 10
_WEIGHT = b'"weight"'
_WEIGHT_VALUE = re.compile(rb'\s*:\s*([0-9.eE+-]+)\s*[,}]')
_JUDGED_AFTER = 1000  # lines after which a file of mostly malformed lines is refused
_CACHE_VERSION = 1


class _Numbers(dict):
    """Gives each new key the next number."""

    def __missing__(self, key: bytes) -> int:
        number = self[key] = len(self)
        return number


class _Weights(dict):
    """``b': 1.0}'`` -> 1.0, remembered; NaN for what is no weight."""

    def __missing__(self, tail: bytes) -> float:
        found = _WEIGHT_VALUE.match(tail)
        try:
            weight = float(found.group(1)) if found else math.nan
        except ValueError:
            weight = math.nan
        if not 0 <= weight < math.inf:
            weight = math.nan
        if len(tail) < 64 and len(self) < 100_000:
            self[tail] = weight
        return weight


class ConceptGraph:
    """Concepts and the weights between them.

    Args:
        concepts: N concept names.
        adjacency: (N, N) CSR, float64, row = from; no self-loops.
        description: JSON-able account of how it was made.
    """

    def __init__(self, concepts: Sequence[str], adjacency: sparse.csr_matrix,
                 description: Dict[str, Any]) -> None:
        self.concepts = concepts
        self.adjacency = adjacency
        self.description = description
        self._index = {concept: row for row, concept in enumerate(concepts)}
        self._by_end: Optional[sparse.csc_matrix] = None

    def __contains__(self, concept: str) -> bool:
        return concept in self._index

    def index(self, concept: str) -> int:
        """Row of a concept; KeyError if it has none."""
        return self._index[concept]

    def neighbours(self, concept: str) -> Dict[str, float]:
        """Concepts joined to this one in either direction, with the summed weights."""
        if concept not in self._index:
            return {}
        if self._by_end is None:
            self._by_end = self.adjacency.tocsc()
        row, found = self._index[concept], {}
        for matrix in (self.adjacency, self._by_end):
            part = slice(matrix.indptr[row], matrix.indptr[row + 1])
            for other, weight in zip(matrix.indices[part].tolist(), matrix.data[part].tolist()):
                name = self.concepts[other]
                found[name] = found.get(name, 0.0) + weight
        return found

    def degree(self, concept: str) -> int:
        """Number of different concepts joined to this one in either direction."""
        return len(self.neighbours(concept))


class ConceptEdges:
    """All edges between two concepts of one language, as read: the content of the cache file.

    Args:
        concepts: N names.
        relations: names such as ``'IsA'``.
        start, end: (E,) int32 concept numbers.
        relation: (E,) int32 positions in ``relations``.
        weight: (E,) float64.
        description: source file, checksum, language and what was counted while reading.
    """

    def __init__(self, concepts: List[str], relations: List[str], start: np.ndarray,
                 end: np.ndarray, relation: np.ndarray, weight: np.ndarray,
                 description: Dict[str, Any]) -> None:
        self.concepts, self.relations = concepts, relations
        self.start, self.end, self.relation, self.weight = start, end, relation, weight
        self.description = description

    def graph(self, drop_relations: Sequence[str] = DROPPED_RELATIONS,
              symmetric: bool = True) -> ConceptGraph:
        """The concept graph without some relations; weights of parallel edges add up.

        Args:
            drop_relations: names of relations to leave out.
            symmetric: let each edge lead both ways; the reference's are one-way, as written.

        Raises:
            ValueError: if no edge is left.
        """
        kept_e = ~np.isin(self.relation, [number for number, name in enumerate(self.relations)
                                          if name in set(drop_relations)])
        if not kept_e.any():
            raise ValueError(f'no edge is left without the relations {list(drop_relations)}; '
                             f'the file has {self.relations}')
        size = len(self.concepts)
        adjacency = sparse.csr_matrix(
            (self.weight[kept_e], (self.start[kept_e], self.end[kept_e])), shape=(size, size))
        if symmetric:
            adjacency = (adjacency + adjacency.T).tocsr()
        adjacency.eliminate_zeros()
        return ConceptGraph(self.concepts, adjacency, {
            **self.description, 'dropped_relations': list(drop_relations),
            'direction': 'both' if symmetric else 'as written', 'concepts': size,
            'graph_edges': int(adjacency.nnz)})

    def save(self, path: Union[str, PathLike]) -> None:
        """Write the cache file (an npz of plain arrays)."""
        text = '\n'.join(self.concepts).encode()
        save_npz(path, {
            'version': np.array(_CACHE_VERSION), 'concepts': np.frombuffer(text, dtype=np.uint8),
            'relations': np.array(self.relations, dtype=np.str_), 'start': self.start,
            'end': self.end, 'relation': self.relation.astype(np.uint8), 'weight': self.weight,
            'description': np.array(json.dumps(self.description), dtype=np.str_)})

    @classmethod
    def load(cls, path: Union[str, PathLike]) -> 'ConceptEdges':
        """Read a cache file.

        Raises:
            FileNotFoundError, ValueError: if it is missing, damaged or of another version.
        """
        members = ('version', 'concepts', 'relations', 'start', 'end', 'relation', 'weight',
                   'description')
        found = load_npz(path, members, 'ConceptNet cache')
        if int(found['version']) != _CACHE_VERSION:
            raise ValueError(f'{path} is a ConceptNet cache of version {found["version"]}, not '
                             f'{_CACHE_VERSION}; delete it')
        return cls(found['concepts'].tobytes().decode().split('\n'), found['relations'].tolist(),
                   found['start'], found['end'], found['relation'].astype(np.int32),
                   found['weight'], json.loads(str(found['description'])))


def read_conceptnet(path: Union[str, PathLike], language: str = 'en',
                    progress: Optional[bool] = None) -> ConceptEdges:
    """Read all edges between two concepts of a language in one pass.

    Args:
        path: ``conceptnet-assertions-*.csv``, plain or .gz.
        language: code in the concept URIs.
        progress: show a progress line; None: only on a terminal.

    Returns:
        ConceptEdges: self-loops left out; malformed lines left out and counted under
        ``description['malformed_lines']``, the first few described in
        ``description['first_malformed']``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is cut off, is not ConceptNet's table, or has no edge in the
            language.
    """
    blocks = BlockReader(path, checksum=True)
    table = _TableReader(blocks.path, language)
    bar = Progress(f'reading {blocks.path.name}', blocks.size, progress)
    try:
        for block in whole_lines(iter(blocks)):
            table.take(block)
            bar.update(blocks.done, table.lines)
    except ValueError as error:
        if str(blocks.path) in str(error):
            raise
        raise ValueError(f'{blocks.path} is not a ConceptNet table: {error}') from error
    bar.close(blocks.done, table.lines)
    return table.finish(blocks)


def cached_conceptnet(path: Union[str, PathLike], language: str = 'en',
                      cache: Union[str, PathLike, None] = None,
                      progress: Optional[bool] = None) -> ConceptEdges:
    """As :func:`read_conceptnet`, but the second time from a small file.

    Args:
        path, language, progress: see there.
        cache: folder of cache files; None: ``$XDG_CACHE_HOME/mmwsss`` or ``~/.cache/mmwsss``.
            A cache is used only for a file of the same place, size and time of change; a damaged
            one is made anew.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'no such file: {path}')
    file = _cache_file(path, language, cache)
    if file.is_file():
        try:
            return ConceptEdges.load(file)
        except ValueError:
            file.unlink()
    edges = read_conceptnet(path, language, progress)
    edges.save(file)
    return edges


def _cache_file(path: Path, language: str, folder: Union[str, PathLike, None]) -> Path:
    if folder is None:
        folder = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser() / 'mmwsss'
    stat = path.stat()
    identity = f'{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{language}'
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return Path(folder) / f'{path.name}.{language}.{key}.npz'


class _TableReader:
    """Takes blocks of whole lines and keeps the edges of one language."""

    def __init__(self, path: Path, language: str) -> None:
        self.path = path
        self.language = language
        self.prefix = f'/c/{language}/'.encode()
        self.lines = self.malformed = self.self_loops = self.kept = 0
        self.first_malformed: List[str] = []
        self._concepts, self._relations, self._weights = _Numbers(), _Numbers(), _Weights()
        self._chunks: List[Tuple[np.ndarray, ...]] = []

    def take(self, block: bytes) -> None:
        """Read one block of whole lines."""
        data = np.frombuffer(block, dtype=np.uint8)
        marks = np.flatnonzero((data - _TAB) < 2)  # bytes below a tab wrap around to 247 and more
        ends = np.flatnonzero(data[marks] == _NEWLINE)
        five_columns = np.diff(ends, prepend=-1) == 5
        columns = marks[ends[five_columns][:, None] + np.arange(-4, 1)]
        sound = (_has(data, columns[:, 0], b'/r/') & _has(data, columns[:, 1], b'/c/')
                 & (_has(data, columns[:, 2], b'/c/') | _has(data, columns[:, 2], b'http')))
        wanted = sound & _has(data, columns[:, 1], self.prefix) & _has(
            data, columns[:, 2], self.prefix)
        if not (five_columns.all() and sound.all()):
            bad = ~five_columns
            bad[np.flatnonzero(five_columns)[~sound]] = True
            self._count_malformed(block, marks[ends], np.flatnonzero(bad))
        self._keep(block, columns[wanted])
        judged_before = self.lines >= _JUDGED_AFTER
        self.lines += len(ends)
        if not judged_before and self.lines >= _JUDGED_AFTER:
            self._refuse_other_files()

    def finish(self, source: BlockReader) -> ConceptEdges:
        """All edges; called once, after the last block."""
        self._refuse_other_files()
        if not self.kept:
            raise ValueError(f'{self.path}: no edge between two {self.prefix.decode()} concepts '
                             f'in {self.lines:,} lines; is the language {self.language!r} right?')
        start, end, relation, weight = (np.concatenate(parts) for parts in zip(*self._chunks))
        concepts = b'\n'.join(self._concepts).decode('utf-8', 'replace').split('\n')
        relations = [name.decode('utf-8', 'replace') for name in self._relations]
        return ConceptEdges(concepts, relations, start, end, relation, weight, {
            'file': self.path.name, 'bytes': source.size, 'sha256': source.sha256,
            'language': self.language, 'lines': self.lines, 'edges': self.kept,
            'self_loops': self.self_loops, 'malformed_lines': self.malformed,
            'first_malformed': self.first_malformed})

    def _keep(self, block: bytes, columns: np.ndarray) -> None:
        """Number the concepts of the given lines (their four tabs and newline)."""
        if not len(columns):
            return
        skip = len(self.prefix) + 1
        first, second, third, fourth, end = columns.T.tolist()
        at = [block.rfind(_WEIGHT, a, b) for a, b in zip(fourth, end)]
        weight = np.array([self._weights[block[a + 8:b]] if a >= 0 else math.nan
                           for a, b in zip(at, end)])
        starts = _third_part([block[a + skip:b] for a, b in zip(second, third)])
        finishes = _third_part([block[a + skip:b] for a, b in zip(third, fourth)])
        sound = ~np.isnan(weight) & np.array(
            [bool(a) and bool(b) for a, b in zip(starts, finishes)])
        different = np.array([a != b for a, b in zip(starts, finishes)])
        if not sound.all():
            line_ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == _NEWLINE)
            self._count_malformed(block, line_ends,
                                  np.searchsorted(line_ends, columns[~sound, 4]))
        self.self_loops += int((sound & ~different).sum())
        kept = sound & different
        if not kept.all():
            rows = np.flatnonzero(kept).tolist()
            starts, finishes = [starts[i] for i in rows], [finishes[i] for i in rows]
            first, second = [first[i] for i in rows], [second[i] for i in rows]
            weight = weight[kept]
        names = [block[a + 4:b] for a, b in zip(first, second)]
        count = len(names)
        self.kept += count
        number = self._concepts.__getitem__
        self._chunks.append((np.fromiter(map(number, starts), np.int32, count),
                             np.fromiter(map(number, finishes), np.int32, count),
                             np.fromiter(map(self._relations.__getitem__, names), np.int32, count),
                             weight))

    def _count_malformed(self, block: bytes, line_ends: np.ndarray, rows: np.ndarray) -> None:
        self.malformed += len(rows)
        for row in rows[:5 - len(self.first_malformed)].tolist():
            begin = int(line_ends[row - 1]) + 1 if row else 0
            text = block[begin:begin + 80].split(b'\n')[0].decode('utf-8', 'replace')
            self.first_malformed.append(f'line {self.lines + row + 1}: {text}')

    def _refuse_other_files(self) -> None:
        if not self.lines or 2 * self.malformed >= self.lines:
            shown = '; '.join(self.first_malformed[:2]) or 'it is empty'
            raise ValueError(
                f'{self.path} is not a ConceptNet table (edge, /r/relation, /c/start, /c/end and '
                f'JSON with a weight, between tabs): {self.malformed:,} of the first '
                f'{self.lines:,} lines are malformed ({shown})')


def _has(data: np.ndarray, tab: np.ndarray, text: bytes) -> np.ndarray:
    """Whether the column after each tab begins with ``text``."""
    found = np.ones(len(tab), dtype=bool)
    for offset, byte in enumerate(text, start=1):
        found &= data.take(tab + offset, mode='clip') == byte
    return found


def _third_part(uris: List[bytes]) -> List[bytes]:
    """``dog/n/wn/animal`` -> ``dog``."""
    return [uri.partition(b'/')[0] if b'/' in uri else uri for uri in uris]
