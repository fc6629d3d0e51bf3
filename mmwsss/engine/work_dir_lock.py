"""One run at a time in a work directory."""
import fcntl
import os
import os.path as osp
import socket
from typing import IO


class WorkDirInUseError(RuntimeError):
    """Another process trains in this work directory."""


def lock_work_dir(work_dir: str) -> IO[str]:
    """Take the work directory for this process until it ends, however it ends.

    A POSIX record lock: the kernel frees it even after ``kill -9``, and unlike ``flock`` it is not
    inherited by forked data workers, which outlive a killed run by some seconds.

    Args:
        work_dir (str): Created if need be.

    Returns:
        IO: The open lock file; keep it open (closing it frees the directory).

    Raises:
        WorkDirInUseError: If another process holds it; names that process.
    """
    os.makedirs(work_dir, exist_ok=True)
    file = open(osp.join(work_dir, '.lock'), 'a+', encoding='utf-8')
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.seek(0)
        holder = file.read().strip() or 'another process'
        file.close()
        raise WorkDirInUseError(
            f'{osp.abspath(work_dir)} is in use by {holder}: wait for it to end, or give this run '
            'another --work-dir') from e
    file.truncate(0)
    file.write(f'process {os.getpid()} on {socket.gethostname()}')
    file.flush()
    return file
