"""Who does which run: a lock for each, so that several processes share a grid.

The kernel frees a lock when its process ends in whatever way, so that nothing is left behind by
``kill -9`` and nobody has to guess whether a process still lives. Standard library only.
"""
import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Iterator, Optional


class Claims:
    """Claims in a folder, one file each; the files stay, the locks count.

    Args:
        folder: created if need be; on a file system with ``flock`` if processes share it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Try to take ``name`` for the time of the block; False if a living process has it."""
        # Files are never removed: a lock on a removed file would not keep others out.
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            taken = _try_lock(descriptor, fcntl.LOCK_EX)
            if taken:
                os.truncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(dict(
                    host=socket.gethostname(), pid=os.getpid())).encode(), 0)
            yield taken
        finally:
            os.close(descriptor)

    def holder(self, name: str) -> Optional[dict]:
        """``host`` and ``pid`` of the living process that has ``name``; None if it is free."""
        try:
            descriptor = os.open(self.folder / name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            if _try_lock(descriptor, fcntl.LOCK_SH):
                return None
            return json.loads(os.pread(descriptor, 1000, 0))
        except ValueError:  # taken this instant, not yet signed
            return dict(host='?', pid='?')
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
