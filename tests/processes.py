"""Commands and ranks that a test starts: they end in time, whatever happens, and say where.

A test that waits for ever takes the whole suite with it and tells nothing. So commands write into
a file (a pipe stays open as long as any grandchild lives, and reading it would wait for that one),
and ranks print the stacks of all their threads and leave when their time is up.
"""
import faulthandler
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from typing import Callable, Sequence

TIMEOUT = 300  # seconds; these tests need 5 to 50, on a busy machine


def free_port() -> str:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return str(s.getsockname()[1])


def run(command: Sequence, timeout: float = TIMEOUT, **kwargs) -> subprocess.CompletedProcess:
    """``subprocess.run`` with stdout and stderr as one text; ends children when time is up."""
    with tempfile.TemporaryFile('w+') as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True, **kwargs)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            end(process)
            output.seek(0)
            raise AssertionError(f'still running after {timeout} s: {command}\n'
                                 f'{output.read()[-3000:]}') from None
        output.seek(0)
        return subprocess.CompletedProcess(process.args, code, output.read())


def end(process: subprocess.Popen) -> None:
    """Asks first: torchrun's workers have sessions of their own, and only it can end them."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, sent)
        try:
            process.wait(20)
            return
        except subprocess.TimeoutExpired:
            pass


def run_ranks(function: Callable, *args, count: int = 2, method: str = 'fork',
              timeout: float = TIMEOUT) -> None:
    """Call ``function(rank, *args)`` in ``count`` processes that find torchrun's variables.

    Raises AssertionError unless all of them return in time.
    """
    context, port = multiprocessing.get_context(method), free_port()
    ranks = [context.Process(target=_rank, args=(rank, count, port, timeout, function, args),
                             daemon=True)
             for rank in range(count)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(timeout + 30)
    codes = [process.exitcode for process in ranks]
    for process in ranks:
        process.kill()
    assert codes == [0] * count, f'exit codes of the ranks: {codes} (None: still running)'


def _rank(rank, count, port, timeout, function, args):
    # Not through a file that pytest has replaced: stacks go to the real standard error.
    faulthandler.dump_traceback_later(timeout, exit=True, file=sys.__stderr__)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count),
                      MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    code = 1
    try:
        function(rank, *args)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Without Python's own end: gloo's threads now and then block or abort it.
        os._exit(code)
