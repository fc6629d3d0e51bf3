"""Files and folders that appear whole or not at all, and a lock between processes.

Every write goes to a temporary name in the same folder and is renamed into its place: a reader,
or the next start after ``kill -9``, sees the old state or the new one.
"""
import contextlib
import fcntl
import os
import secrets
from pathlib import Path

TEMPORARY_PREFIX = '.tmp-'


def write_atomic(path: Path, data: bytes, sync: bool = True) -> None:
    """Write ``data`` beside ``path`` and rename it there.

    Args:
        path: the place; its folder must exist.
        data: the file's bytes.
        sync: wait for the disk before renaming (against power loss; ``kill -9`` needs no sync).

    Raises:
        OSError: no space, no permission, …; what was at ``path`` is untouched.
    """
    temporary = path.parent / f'{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}'
    try:
        with open(temporary, 'xb') as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if sync:
        sync_path(path.parent)


def sync_path(path: Path) -> None:
    """Wait until a file's contents, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
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
