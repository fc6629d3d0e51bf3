"""A fingerprint of what labels were made from: files and settings."""
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def fingerprint(files: Iterable = (), **settings) -> str:
    """SHA-256 over the contents of ``files`` and over ``settings``.

    File *contents* and names count, folders above them and dates do not, so that a copied data
    set keeps its fingerprint. The order of ``files`` does not matter.

    Args:
        files: paths of files.
        settings: anything that ``json.dumps`` can write (thresholds, steps, a model's name, …).

    Returns:
        64 hexadecimal digits.

    Raises:
        ValueError: a file is missing or a setting cannot be written as JSON.
    """
    parts = []
    for path in map(Path, files):
        if not path.is_file():
            raise ValueError(f'{path}: no such file, so it has no fingerprint')
        with open(path, 'rb') as file:
            parts.append([path.name, _digest(file)])
    try:
        text = json.dumps([sorted(parts), settings], sort_keys=True)
    except TypeError as error:
        raise ValueError(f'settings of a fingerprint must be plain values: {error}') from error
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(file) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
