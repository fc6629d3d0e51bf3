"""Running one command: its log, its memory, its progress, and its end with ours."""
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL = 0.3  # seconds
_PROGRESS = re.compile(r'(?:Iter|Epoch)\((train|val|test)\)\s*(?:\[\d+\])?'
                       r'\s*\[\s*(\d+)/\s*(\d+)\]')
_ETA = re.compile(r'eta: ((?:\d+ days?, )?[\d:]+)')
_PR_SET_PDEATHSIG = 1


@dataclass
class Outcome:
    """How a command ended."""

    returncode: int
    seconds: float
    peak_memory_mb: float


def run_logged(command: Sequence[str], env: dict, log: Path,
               progress: Callable[[str], None] | None = None,
               started: Callable[[int], None] | None = None) -> Outcome:
    """Run a command; what it prints is appended to ``log``.

    It gets SIGTERM when this process dies in whatever way (Linux), and when this process is
    interrupted. Memory is the largest of its processes, by the kernel's own account of each.

    Args:
        command: program and arguments.
        env: its whole environment.
        log: file.
        progress: called with the newest line that says how far it is.
        started: called with the process id.
    """
    begun, peak = time.monotonic(), 0.
    offset = log.stat().st_size if log.exists() else 0
    with open(log, 'ab') as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                   env=env, preexec_fn=_end_with_parent(os.getpid()))
    if started is not None:
        started(process.pid)
    try:
        while process.poll() is None:
            time.sleep(POLL)
            peak = max(peak, peak_memory_mb(process.pid))
            if progress is not None:
                line, offset = _newest_progress(log, offset)
                if line:
                    progress(line)
    except BaseException:
        _end(process)
        raise
    return Outcome(process.returncode, round(time.monotonic() - begun, 1), round(peak, 1))


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """What asks Linux to end the child with us; threads there are none of here."""
    if not sys.platform.startswith('linux'):
        return None
    library = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(143)

    return ask


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def peak_memory_mb(pid: int) -> float:
    """Largest resident memory so far of a process or of one below it, in MiB; 0 if unknown.

    ``ru_maxrss`` would not do: a child inherits that of the process that started it.
    """
    peak = 0.
    for member in family(pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            status = Path(f'/proc/{member}/status').read_text()
            peak = max(peak, int(status.split('VmHWM:')[1].split()[0]) / 1024)
    return peak


def family(pid: int) -> list[int]:
    """A process and all below it (Linux)."""
    below: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir('/proc') if os.path.isdir('/proc') else ()):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = Path(f'/proc/{name}/stat').read_text().rpartition(')')[2].split()[1]
            below.setdefault(int(parent), []).append(int(name))
    found = [pid]
    for member in found:
        found.extend(below.get(member, ()))
    return found


def alive(pid: int, mark: str) -> bool:
    """Whether a process runs whose command line holds ``mark`` (ids are used again)."""
    try:
        command = Path(f'/proc/{pid}/cmdline').read_bytes()
    except OSError:
        return False
    return mark.encode() in command


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    try:
        with open(log, 'rb') as file:
            file.seek(max(0, log.stat().st_size - 20000))
            text = file.read().decode('utf-8', 'replace')
    except OSError:
        return ''
    kept = [line.rstrip() for line in text.replace('\r', '\n').splitlines() if line.strip()]
    return '\n'.join(kept[-lines:])


def _newest_progress(log: Path, offset: int) -> tuple[str, int]:
    """The newest line of MMEngine's log that tells progress, shortened; and where we are."""
    with open(log, 'rb') as file:
        file.seek(offset)
        data = file.read()
    line = ''
    for text in data.decode('utf-8', 'replace').replace('\r', '\n').splitlines():
        found = _PROGRESS.search(text)
        if found:
            eta = _ETA.search(text)
            line = f'{found[1]} {found[2]}/{found[3]}' + (f', {eta[1]} left' if eta else '')
    return line, offset + len(data)
