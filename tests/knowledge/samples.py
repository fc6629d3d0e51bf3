"""Small files in the formats that the knowledge readers read."""
import gzip
import struct
from pathlib import Path

import numpy as np

LINKS = (  # start, relation, end, weight
    ('cat', 'RelatedTo', 'dog', 2.0), ('cat', 'AtLocation', 'sofa', 1.0),
    ('cat', 'IsA', 'pet', 1.0), ('cat', 'Antonym', 'bus', 9.0), ('dog', 'IsA', 'pet', 1.0),
    ('dog', 'AtLocation', 'house', 0.5), ('dog', 'AtLocation', 'sofa', 1.0),
    ('sofa', 'AtLocation', 'house', 1.0), ('sofa', 'IsA', 'seat', 1.0),
    ('dine_table', 'AtLocation', 'house', 1.0), ('dine_table', 'IsA', 'seat', 1.0),
    ('dine_table', 'RelatedTo', 'sofa', 1.0), ('dine_table', 'RelatedTo', 'dog', 1.0),
    ('pet', 'AtLocation', 'house', 1.0), ('bus', 'AtLocation', 'road', 1.0),
    ('bus', 'RelatedTo', 'house', 1.0), ('bus', 'RelatedTo', 'pet', 1.0),
    ('bus', 'IsA', 'seat', 1.0),
)


def line(start='/c/en/cat', end='/c/en/dog', relation='IsA', weight='1.0') -> bytes:
    data = f'{{"dataset": "/d/x", "license": "cc:by/4.0", "weight": {weight}}}'
    return '\t'.join([f'/a/[/r/{relation}/,{start}/,{end}/]', f'/r/{relation}', start, end,
                      data]).encode()


def table(links=LINKS) -> bytes:
    return b''.join(line(f'/c/en/{start}', f'/c/en/{end}', relation, weight) + b'\n'
                    for start, relation, end, weight in links)


def write_conceptnet(path: Path, links=LINKS) -> Path:
    path.write_bytes(gzip.compress(table(links)) if path.suffix == '.gz' else table(links))
    return path


def vectors_of(words, channels=4) -> dict:
    rng = np.random.default_rng(5)
    return {word: rng.normal(size=channels).astype(np.float32) for word in words}


def write_vectors(path: Path, vectors: dict, kind: str) -> Path:
    """``glove``, ``vec`` (fastText), ``bin`` (word2vec) or ``bin-newline``."""
    channels = len(next(iter(vectors.values())))
    header = f'{len(vectors)} {channels}\n'.encode()
    if kind in ('glove', 'vec'):
        blank = ' ' if kind == 'vec' else ''  # fastText ends its lines with a blank
        body = ''.join(f'{word} {" ".join(map(repr, vector.tolist()))}{blank}\n'
                       for word, vector in vectors.items()).encode()
        path.write_bytes((header if kind == 'vec' else b'') + body)
        return path
    end = b'\n' if kind == 'bin-newline' else b''
    path.write_bytes(header + b''.join(
        word.encode() + b' ' + struct.pack(f'<{channels}f', *vector) + end
        for word, vector in vectors.items()))
    return path


