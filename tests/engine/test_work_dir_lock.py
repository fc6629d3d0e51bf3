"""One run at a time in a work directory."""
import os
import signal
import subprocess
import sys

import pytest

from mmwsss.engine.work_dir_lock import WorkDirInUseError, lock_work_dir
from tests.paths import ROOT

# holds the lock, forks a child that outlives it (as data workers do), and says so
HOLDER = """
import os, sys, time
sys.path.insert(0, {root!r})
from mmwsss.engine.work_dir_lock import lock_work_dir
lock = lock_work_dir({folder!r})
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""


def test_held_by_another_process_and_free_after_its_death(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, '-c', HOLDER.format(root=str(ROOT), folder=str(tmp_path))],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    child = _first_number(holder.stdout)
    try:
        with pytest.raises(WorkDirInUseError, match=f'process {holder.pid} .*--work-dir'):
            lock_work_dir(str(tmp_path))
        holder.kill()
        holder.wait()
        os.kill(child, 0)  # the fork is still alive
        lock_work_dir(str(tmp_path)).close()
    finally:
        os.kill(child, signal.SIGKILL)


def _first_number(lines) -> int:
    for line in lines:
        if line.strip().isdigit():
            return int(line)
    raise AssertionError('the holder ended without taking the lock')


def test_makes_the_folder_and_names_the_holder(tmp_path):
    lock = lock_work_dir(str(tmp_path / 'a' / 'b'))
    assert f'process {os.getpid()} ' in (tmp_path / 'a' / 'b' / '.lock').read_text()
    lock.close()
