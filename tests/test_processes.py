"""The helpers that start processes: what hangs is ended and reported, with all its children."""
import sys
import time

import pytest
import torch.distributed as dist

from tests import processes

PYTHON = [sys.executable, '-u', '-c']


def test_output_and_exit_code_of_a_command():
    code = 'import sys; print("out"); sys.stderr.write("err"); sys.exit(3)'
    done = processes.run([*PYTHON, code])
    assert (done.returncode, done.stdout) == (3, 'out\nerr')


def test_a_hanging_command_is_ended_though_a_grandchild_holds_its_output():
    code = ('import subprocess, sys, time; print("begun"); '
            'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], '
            'start_new_session=True); time.sleep(60)')
    began = time.monotonic()
    with pytest.raises(AssertionError, match='still running after 3 s(.|\n)*begun'):
        processes.run([*PYTHON, code], timeout=3)
    assert time.monotonic() - began < 50  # not the grandchild's 60 s


def _sum(rank, folder):
    import torch
    dist.init_process_group('gloo')
    value = torch.tensor(rank + 1.)
    dist.all_reduce(value)
    (folder / str(rank)).write_text(str(value.item()))


def test_ranks_find_each_other(tmp_path):
    processes.run_ranks(_sum, tmp_path)
    assert [(tmp_path / name).read_text() for name in '01'] == ['3.0', '3.0']


def _fail(rank):
    if rank == 1:
        raise ValueError('of rank 1')


def _hang(rank):
    if rank == 0:
        time.sleep(100)


def test_failing_and_hanging_ranks_are_told(capfd):
    with pytest.raises(AssertionError, match=r'\[0, 1\]'):
        processes.run_ranks(_fail)
    assert 'ValueError: of rank 1' in capfd.readouterr().err
    with pytest.raises(AssertionError, match=r'\[1, 0\]'):
        processes.run_ranks(_hang, timeout=2)
    assert 'in _hang' in capfd.readouterr().err  # the stack says where
