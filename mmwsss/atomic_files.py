"""Files and folders that appear whole or not at all, and a lock between processes.

Every write goes to a temporary name in the same folder and is renamed into its place: a reader,
or the next start after ``kill -9``, sees the old state or the new one. Standard library only.
"""
import contextlib
import ctypes
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_PREFIX = '.tmp-'
_TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r'\d+-[0-9a-f]{16}')


def temporary_path(path) -> Path:
    """A fresh name for a file being written, in the folder of ``path``: hidden, no suffix."""
    name = f'{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}'
    return Path(path).parent / name


@contextlib.contextmanager
def replacing(path, sync: bool = True) -> Iterator[Path]:
    """Give a draft beside ``path`` to write to; it takes the place of ``path`` if all goes well.

    Args:
        path: the place; its folder must exist.
        sync: wait for the disk (against power loss; ``kill -9`` needs no sync).

    Raises:
        OSError: no space, no permission, …; what was at ``path`` is untouched.
    """
    path, draft = Path(path), temporary_path(path)
    try:
        yield draft
        move_into_place(draft, path, sync)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def move_into_place(draft: Path, path: Path, sync: bool = True) -> None:
    """Rename a written file; with ``sync`` it survives a power cut after return.

    The order matters: the content reaches the disk before the name points to it.
    """
    if sync:
        sync_path(draft)
    os.replace(draft, path)
    if sync:
        sync_path(Path(path).parent)


def write_atomic(path, data: bytes, sync: bool = True) -> None:
    """Write ``data`` beside ``path`` and rename it there. Arguments, errors: :func:`replacing`."""
    with replacing(path, sync) as draft:
        draft.write_bytes(data)


def write_text_atomic(path, text: str) -> None:
    """Write a small UTF-8 text file in one step: readers see the old or the new text."""
    write_atomic(path, text.encode())


def prepare_output(path) -> None:
    """Make the folder of a file that is to be written in the end; call before long work.

    Raises:
        ValueError: ``path`` is a folder, or lies in one that cannot be written to.
        OSError: its folder cannot be made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(f'{path}: is a folder, or lies in one that cannot be written to; '
                         'name another file')


def remove_stale_temporaries(folder) -> None:
    """Delete what writers that were killed have left in ``folder``; none may be at work there."""
    for path in Path(folder).iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def sync_path(path) -> None:
    """Wait until a file's contents, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path) -> None:
    """Wait until all that was written to the file system of ``path`` is on the disk.

    For many small files at once; the other file systems of the machine, which ``os.sync`` would
    wait for, may be busy with other work.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None), 'syncfs', None)  # Linux; python has no name for it
        if syncfs is None or syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)


def rename_folder(source: Path, target: Path) -> None:
    """Rename a folder in one step and wait for the disk; ``target`` must not exist."""
    os.rename(source, target)
    sync_path(target.parent)


@contextlib.contextmanager
def folder_lock(path: Path, exclusive: bool):
    """Hold a lock on the file ``path``: many may share it, or one has it alone.

    The kernel frees it when the process ends in whatever way, so that a killed process never
    blocks the next one. (POSIX ``flock``: works between processes of one machine and on network
    file systems that support it, such as NFS 4 and Lustre mounted with ``flock``.)
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
