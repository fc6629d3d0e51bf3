"""Files that are either whole or not there, whatever kills the process in between."""
import os
import os.path as osp
import re

_TEMPORARY = re.compile(r'^\..+\.\d+\.tmp$')


def temporary_name(filename: str) -> str:
    """Name for a file being written, in the same folder: hidden, and no ``*.pth``."""
    folder, name = osp.split(filename)
    return osp.join(folder, f'.{name}.{os.getpid()}.tmp')


def replace_durably(temporary: str, final: str) -> None:
    """Move a written file into its place; after return it survives a power cut.

    The order matters: the content reaches the disk before the name points to it.
    """
    _sync(temporary)
    os.replace(temporary, final)
    _sync(osp.dirname(final) or '.')


def write_text_durably(path: str, text: str) -> None:
    """Write a small text file in one step: readers see the old or the new text."""
    temporary = temporary_name(path)
    with open(temporary, 'w', encoding='utf-8') as f:
        f.write(text)
    replace_durably(temporary, path)


def remove_stale_temporaries(folder: str) -> None:
    """Delete what writers that were killed have left in ``folder``."""
    for name in os.listdir(folder):
        if _TEMPORARY.match(name):
            os.remove(osp.join(folder, name))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
