"""Which checkpoint is gone on from."""
import os
import shutil

import pytest
import torch

from mmwsss.engine import CheckpointError
from mmwsss.engine.resume import candidates, check_resumable, newest_loadable

STATE = dict(state_dict={}, meta=dict(iter=1), message_hub={})


@pytest.fixture
def work_dir(tmp_path):
    for age, step in ((30, 2), (20, 4), (10, 10)):
        write(tmp_path, f'iter_{step}.pth', age)
    point(tmp_path, 'iter_10.pth')
    return tmp_path


def write(folder, name, age=0):
    torch.save(STATE, folder / name)
    stamp = 1_700_000_000 - age
    os.utime(folder / name, (stamp, stamp))


def point(folder, name):
    (folder / 'last_checkpoint').write_text(str(folder / name))


def names(folder):
    return [os.path.basename(p) for p in candidates(str(folder))]


def test_newest_first_by_number_not_by_text(work_dir):
    assert names(work_dir) == ['iter_10.pth', 'iter_4.pth', 'iter_2.pth']


def test_died_before_the_pointer_moved(work_dir):
    point(work_dir, 'iter_4.pth')
    assert names(work_dir)[0] == 'iter_10.pth'


def test_left_over_from_an_earlier_longer_run(work_dir):
    write(work_dir, 'iter_3.pth', age=0)
    point(work_dir, 'iter_3.pth')
    assert names(work_dir) == ['iter_3.pth', 'iter_2.pth']


def test_copied_folder_whose_pointer_names_the_old_place(work_dir, tmp_path):
    moved = tmp_path / 'elsewhere'
    moved.mkdir()
    for name in ('iter_2.pth', 'iter_4.pth', 'iter_10.pth', 'last_checkpoint'):
        shutil.move(str(work_dir / name), str(moved / name))
    for age, name in enumerate(['iter_4.pth', 'iter_2.pth', 'iter_10.pth']):
        os.utime(moved / name, (1_700_000_000 - age, ) * 2)  # times of a copy say nothing
    assert names(moved) == ['iter_10.pth', 'iter_4.pth', 'iter_2.pth']


def test_without_pointer_and_without_anything(work_dir, tmp_path):
    (work_dir / 'last_checkpoint').unlink()
    assert names(work_dir) == ['iter_10.pth', 'iter_4.pth', 'iter_2.pth']
    assert names(tmp_path / 'gone') == []
    assert newest_loadable(str(tmp_path / 'gone')).path is None


def test_best_and_temporary_files_are_no_candidates(work_dir):
    write(work_dir, 'best_mIoU_iter_99.pth')
    (work_dir / '.tmp-5-0123456789abcdef').touch()
    assert names(work_dir) == ['iter_10.pth', 'iter_4.pth', 'iter_2.pth']


def test_cut_newest_is_skipped_with_its_reason(work_dir):
    path = work_dir / 'iter_10.pth'
    path.write_bytes(path.read_bytes()[:300])
    chosen = newest_loadable(str(work_dir))
    assert chosen.path == str(work_dir / 'iter_4.pth')
    [(skipped, reason)] = chosen.skipped
    assert skipped == str(path) and 'cut short' in reason


def test_pointer_to_a_deleted_file(work_dir):
    (work_dir / 'iter_10.pth').unlink()
    chosen = newest_loadable(str(work_dir))
    assert chosen.path == str(work_dir / 'iter_4.pth') and len(chosen.skipped) == 1


def test_nothing_loads(work_dir):
    for path in work_dir.glob('*.pth'):
        path.write_bytes(b'')
    with pytest.raises(CheckpointError, match='none of the 3 checkpoints'):
        newest_loadable(str(work_dir))


def test_weights_alone_cannot_be_resumed(tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'w.pth')
    with pytest.raises(CheckpointError, match='no training state.*load_from'):
        check_resumable(str(tmp_path / 'w.pth'))
