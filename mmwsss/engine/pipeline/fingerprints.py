"""What a stage was made from, in a few digits: files, stores, folders and the code.

* a file: SHA-256 of its content (kept for files whose size and time of change stay the same);
* a label store: its current version's ids, sizes and checksums;
* a store of activation maps: its settings (with the digest of the weights) and each image's size;
* another folder, such as images: name, size and time of change of every file in it.
"""
import ast
import hashlib
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mmwsss.atomic_files import write_atomic
from mmwsss.labels import ActivationStore, LabelStore, kind_of_store

PACKAGE = Path(__file__).resolve().parents[2]
# What cannot change the result of training or of writing labels.
ASIDE = ('engine/pipeline', 'visualization', 'toy', '.mim')
SUFFIXES = ('.py', '.npz', '.json', '.j2', '.txt')


class Fingerprints:
    """Fingerprints of paths, with a file that remembers those of large files.

    Args:
        memory: JSON file; None remembers nothing.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self.memory = memory
        self._known: dict[str, list] = {}
        if memory is not None and memory.is_file():
            try:
                self._known = json.loads(memory.read_text(encoding='utf-8'))
            except ValueError:  # it only saves time
                self._known = {}

    def of(self, path: str | os.PathLike) -> str | None:
        """64 hexadecimal digits, or None if there is nothing at ``path``."""
        path = Path(path)
        if path.is_file():
            return self._of_file(path)
        if not path.is_dir():
            return None
        kind = kind_of_store(path)
        if kind == 'labels':
            return _of_labels(path)
        return _of_activations(path) if kind == 'activations' else _of_folder(path)

    def save(self) -> None:
        """Write what was computed, for the next run."""
        if self.memory is not None:
            write_atomic(self.memory, json.dumps(self._known).encode(), sync=False)

    def _of_file(self, path: Path) -> str:
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
        known = self._known.get(str(path))
        if known is None or known[0] != stamp:
            with open(path, 'rb') as file:
                known = [stamp, hashlib.file_digest(file, 'sha256').hexdigest()
                         if hasattr(hashlib, 'file_digest') else _digest_of(file)]
            self._known[str(path)] = known
        return known[1]


def _digest_of(file) -> str:
    """``hashlib.file_digest`` of Python 3.11, for 3.10."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def digest(value) -> str:
    """SHA-256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _of_labels(path: Path) -> str | None:
    store = LabelStore(path)
    version = store.current
    return None if version is None else digest(
        [store.num_classes, store.ignore_index, store.manifest(version)['files']])


def _of_activations(path: Path) -> str:
    store = ActivationStore(path)
    sizes = [[image_id, (path / 'maps' / f'{image_id}.png').stat().st_size]
             for image_id in store.ids()]
    return digest([json.loads((path / 'store.json').read_text()), store.unreadable(), sizes])


def _of_folder(path: Path) -> str:
    entries = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(names):
            status = os.stat(os.path.join(folder, name))
            entries.append([os.path.relpath(os.path.join(folder, name), path), status.st_size,
                            status.st_mtime_ns])
    return digest(entries)


def code_digest(tools: Iterable[str | os.PathLike] = (), whole: bool = False) -> str:
    """Digest of the code that a stage depends on: the package and the tools that it runs.

    Comments, docstrings and formatting do not count.

    Args:
        tools: scripts beside the package.
        whole: with the parts that only draw and organise (report, pipeline, toy scenes).
    """
    parts = [[Path(tool).name, _code_of(Path(tool))] for tool in sorted(map(str, tools))]
    return digest([_package_digest(whole), parts])


@lru_cache(maxsize=None)
def _package_digest(whole: bool) -> str:
    aside = ('.mim', ) if whole else ASIDE
    parts = []
    for path in sorted(PACKAGE.rglob('*')):
        name = path.relative_to(PACKAGE).as_posix()
        if path.suffix in SUFFIXES and path.is_file() and not any(
                name == part or name.startswith(f'{part}/') for part in aside):
            parts.append([name, _code_of(path)])
    return digest(parts)


def _code_of(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == '.py':
        tree = ast.parse(data, str(path))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef,
                                 ast.AsyncFunctionDef)) and ast.get_docstring(node, False):
                node.body = node.body[1:]
        data = ast.dump(tree).encode()
    return hashlib.sha256(data).hexdigest()
