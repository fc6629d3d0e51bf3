"""Word vectors from big files, of which only the wanted words are kept.

Formats, told by the content: GloVe text (word and numbers), fastText ``.vec`` and word2vec text
(the same under a line with count and channels), word2vec binary. All of them plain or gzipped.

Shape letters: C classes, D channels.
"""
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .blocks import BlockReader, whole_lines
from .conceptnet import ConceptGraph
from .concepts import lemmas
from .names import UnknownClassError, aliases, words
from .progress import Progress

_HEAD_BYTES = 1 << 16  # enough to tell the format: more than a row
_LEAST_NEIGHBOURS = 3  # vectors needed to stand in for a missing word


@dataclass
class WordVectors:
    """Vectors by word.

    Args:
        channels: D.
        vectors: word -> (D,) float32.
        description: JSON-able: file, format, words in the file.
    """
    channels: int
    vectors: Dict[str, np.ndarray]
    description: Dict[str, Any] = field(default_factory=dict)

    def __contains__(self, word: str) -> bool:
        return word in self.vectors

    def __getitem__(self, word: str) -> np.ndarray:
        return self.vectors[word]


def read_word_vectors(path: Union[str, PathLike], wanted: Collection[str],
                      progress: Optional[bool] = None) -> WordVectors:
    """Read the vectors of some words.

    Args:
        path: GloVe, fastText or word2vec file.
        wanted: words, as they stand in the file.
        progress: show a progress line; None: only on a terminal.

    Returns:
        WordVectors: those of the wanted words that the file has.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of these formats, is cut off, or has none of the words.
    """
    reader = BlockReader(path)
    bar = Progress(f'reading {reader.path.name}', reader.size, progress)
    blocks = iter(reader)
    first = b''
    while len(first) < _HEAD_BYTES and (block := next(blocks, b'')):
        first += block
    header, body = _header(first)
    found: Dict[str, np.ndarray] = {}
    wanted_bytes = {word.encode() for word in wanted}
    stream = _chain(first[body:], blocks)
    binary = header is not None and not _is_text(first[body:], header[1])
    if binary:
        kind, channels = 'word2vec binary', header[1]
        rows = _binary_rows(stream, *header, reader)
    else:
        channels = header[1] if header else _text_channels(first, reader)
        kind = 'text with header (fastText, word2vec)' if header else 'text (GloVe)'
        rows = _text_rows(stream, channels, header, reader)
    count = 0
    for count, (word, values) in enumerate(rows, start=1):  # noqa: B007 (the count is used below)
        if word in wanted_bytes:
            vector = _vector(values, channels, reader)
            found.setdefault(word.decode(), vector)
        if not count % 4096:
            bar.update(reader.done, count)
    bar.close(reader.done, count)
    if not found:
        raise ValueError(f'{reader.path}: none of the {len(wanted_bytes)} wanted words is among '
                         f'its {count:,} words; is it a file of English word vectors?')
    return WordVectors(channels, found, {'file': reader.path.name, 'bytes': reader.size,
                                         'format': kind, 'words': count, 'channels': channels})


def _vector(values: bytes, channels: int, reader: BlockReader) -> np.ndarray:
    """One row's numbers, from text or from binary."""
    if isinstance(values, list):
        try:
            vector = np.array([float(value) for value in values], dtype=np.float32)
        except ValueError as error:
            raise ValueError(f'{reader.path}: a value of a word vector is no number: {error}'
                             ) from error
    else:
        vector = np.frombuffer(values, dtype='<f4', count=channels).astype(np.float32)
    if not np.isfinite(vector).all():
        raise ValueError(f'{reader.path}: a word vector is not finite; the file is damaged')
    return vector


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _header(first: bytes) -> Tuple[Optional[Tuple[int, int]], int]:
    """(words, channels) of a first line ``400000 300``, and where the rest begins."""
    end = first.find(b'\n', 0, 64)
    fields = first[:end].split() if end > 0 else []
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return (int(fields[0]), int(fields[1])), end + 1
    return None, 0


def _is_text(body: bytes, channels: int) -> bool:
    """Whether the first row after a header is a word and ``channels`` numbers as text."""
    line = body[:body.find(b'\n')] if b'\n' in body else body
    fields = line.split()
    return len(fields) == channels + 1 and all(_is_number(value) for value in fields[1:])


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text_channels(first: bytes, reader: BlockReader) -> int:
    """D of a file without header, from its first row."""
    end = first.find(b'\n')
    fields = first[:end if end >= 0 else len(first)].split()
    if len(fields) < 3 or not all(_is_number(value) for value in fields[1:]):
        raise ValueError(f'{reader.path} is no file of word vectors: its first line is neither a '
                         'word and numbers (GloVe) nor a count and channels (word2vec, fastText): '
                         f'{fields[:3]}')
    return len(fields) - 1


def _text_rows(stream: Iterator[bytes], channels: int, header: Optional[Tuple[int, int]],
               reader: BlockReader) -> Iterator[Tuple[bytes, List[bytes]]]:
    """Words and values. A row with too many fields is a word with blanks in it: passed over."""
    count, short = 0, 0
    for block in whole_lines(stream):
        for line in block.splitlines():
            word, _, values = line.partition(b' ')
            fields = values.count(b' ') + 1 - values.endswith(b' ')
            if fields < channels:
                short += 1
            elif fields == channels:
                yield word, _LazyFields(values)
            count += 1
    if short or (header and count < header[0]):
        expected = f', {header[0]:,} are promised' if header else ''
        raise ValueError(f'{reader.path} is cut off or damaged: {count:,} rows{expected}, {short} '
                         f'with fewer than {channels} numbers; get the file again')


class _LazyFields(list):
    """The numbers of a row as text, split only when they are looked at."""

    def __init__(self, values: bytes) -> None:
        super().__init__()
        self._values = values

    def __iter__(self):
        return iter(self._values.split())


def _binary_rows(stream: Iterator[bytes], words_promised: int, channels: int,
                 reader: BlockReader) -> Iterator[Tuple[bytes, bytes]]:
    """Rows of word, blank, D little-endian float32, and in some files a newline."""
    rest, at, size = b'', 0, 4 * channels
    for number in range(words_promised):
        blank = rest.find(b' ', at)
        while blank < 0 or len(rest) < blank + 1 + size:
            block = next(stream, b'')
            if not block or (blank < 0 and len(rest) - at > 1 << 16):
                raise ValueError(f'{reader.path} is cut off or no word2vec file: it ends in word '
                                 f'{number + 1:,} of {words_promised:,}; get the file again')
            rest, at = rest[at:] + block, 0
            blank = rest.find(b' ')
        yield rest[at:blank].lstrip(b'\n'), rest[blank + 1:blank + 1 + size]
        at = blank + 1 + size


def words_to_read(names: Sequence[str], graph: Optional[ConceptGraph] = None,
                  concepts: Mapping[str, str] = (),
                  synonyms: Mapping[str, Sequence[str]] = ()) -> List[str]:
    """All words whose vectors :func:`embed_classes` may ask for."""
    concepts, synonyms = dict(concepts), dict(synonyms)
    found = dict.fromkeys(form for name in names for spelling in _spellings(name, synonyms)
                          for word in words(spelling) for form in lemmas(word))
    if graph is not None:
        for concept in [*found, *concepts.values()]:
            found.update(dict.fromkeys(word for other in graph.neighbours(concept)
                                       for word in words(other)))
    return list(found)


def embed_classes(names: Sequence[str], vectors: WordVectors,
                  graph: Optional[ConceptGraph] = None, concepts: Mapping[str, str] = (),
                  synonyms: Mapping[str, Sequence[str]] = ()
                  ) -> Tuple[np.ndarray, Dict[str, Dict[str, Any]]]:
    """A vector for each class name.

    The mean of the vectors of its words; else of a synonym's words; else of their lemmas (potted
    -> pot); else a missing word gets the weighted mean of its neighbours in ConceptNet, or of the
    neighbours of the class's concept, at their mean length.

    Args:
        names: C class names.
        vectors: what was read for :func:`words_to_read`.
        graph: where neighbours of missing words come from; None: no filling.
        concepts: class name -> its concept in the graph.
        synonyms: class name -> more names to try.

    Returns:
        tuple: (C, D) float32; class name -> ``{'words': [...]}``, with ``'lemmas': {word:
        lemma}`` or ``'filled': {word: [neighbours]}`` where a word is missing.

    Raises:
        UnknownClassError: naming each class that cannot be filled.
    """
    concepts, synonyms = dict(concepts), dict(synonyms)
    rows, records, lacking = [], {}, []
    for name in names:
        spellings = _spellings(name, synonyms)
        row = (_from_words(spellings, vectors) or _from_lemmas(spellings, vectors)
               or _from_neighbours(name, vectors, graph, concepts.get(name)))
        if row is None:
            lacking.append(name)
            continue
        vector, records[name] = row
        rows.append(vector)
    if lacking:
        raise UnknownClassError(
            f'no word vector for {", ".join(map(repr, lacking))} in '
            f'{vectors.description.get("file", "the vectors")}, nor enough '
            'neighbours in ConceptNet that have one: give another word in the class file ("name: '
            'synonym, synonym") or use a larger file of vectors')
    return np.stack(rows).astype(np.float32), records


def _spellings(name: str, synonyms: Mapping[str, Sequence[str]]) -> List[str]:
    return [name, *synonyms.get(name, ()), *aliases(name)]


def _from_words(spellings, vectors):
    """Mean over the words of the first spelling that has all of them."""
    for spelling in spellings:
        parts = words(spelling)
        if all(part in vectors for part in parts):
            return _mean([vectors[part] for part in parts]), {'words': parts}
    return None


def _from_lemmas(spellings, vectors):
    """Mean over the words of the first spelling that has all of them in some form."""
    for spelling in spellings:
        parts = words(spelling)
        forms = [next((form for form in lemmas(part) if form in vectors), None) for part in parts]
        if None not in forms:
            changed = {part: form for part, form in zip(parts, forms) if part != form}
            return _mean([vectors[form] for form in forms]), {'words': parts, 'lemmas': changed}
    return None


def _from_neighbours(name, vectors, graph, concept):
    """Mean over the words of the name, the missing ones filled."""
    if graph is None:
        return None
    parts, filled = [], {}
    for word in words(name):
        if word in vectors:
            parts.append(vectors[word])
            continue
        fill = _neighbour_mean(word, vectors, graph) or _neighbour_mean(concept, vectors, graph)
        if fill is None:
            return None
        parts.append(fill[0])
        filled[word] = fill[1]
    return _mean(parts), {'words': words(name), 'filled': filled}


def _neighbour_mean(concept, vectors, graph):
    """Weighted mean direction and mean length of a concept's neighbours, and the heaviest five."""
    if concept is None:
        return None
    near = {other: weight for other, weight in graph.neighbours(concept).items()
            if all(word in vectors for word in words(other))}
    if len(near) < _LEAST_NEIGHBOURS:
        return None
    order = sorted(near, key=lambda other: (-near[other], other))
    stack = np.array([_mean([vectors[word] for word in words(other)]) for other in order])
    weight = np.array([near[other] for other in order])[:, None] / sum(near.values())
    mean = (stack * weight).sum(axis=0)
    length = float((np.linalg.norm(stack, axis=1) * weight[:, 0]).sum())
    return mean * (length / max(float(np.linalg.norm(mean)), 1e-12)), order[:5]


def _mean(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.mean(np.array(parts, dtype=np.float64), axis=0)
