"""Renaming into place, and the lock between processes."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmwsss.atomic_files import (
    folder_lock,
    move_into_place,
    prepare_output,
    remove_stale_temporaries,
    replacing,
    sync_filesystem,
    temporary_path,
    write_atomic,
    write_text_atomic,
)


def test_temporary_path_is_fresh_hidden_and_no_checkpoint():
    paths = {temporary_path('a/b/iter_2.pth') for _ in range(3)}
    assert len(paths) == 3
    for path in paths:
        assert path.parent == Path('a/b') and path.name.startswith('.') and not path.suffix


def test_replacing_overwrites_and_leaves_no_temporary(tmp_path):
    final = tmp_path / 'x.pth'
    for text in ('old', 'new'):
        with replacing(final) as draft:
            assert draft.parent == tmp_path
            draft.write_text(text)
    assert final.read_text() == 'new' and os.listdir(tmp_path) == ['x.pth']


def test_outputs_are_prepared_before_the_work(tmp_path):
    prepare_output(tmp_path / 'a/b/x.json')
    prepare_output(tmp_path / 'a/b/x.json')
    assert list((tmp_path / 'a/b').iterdir()) == []
    with pytest.raises(ValueError, match='a: is a folder.*name another file'):
        prepare_output(tmp_path / 'a')
    (tmp_path / 'file').write_text('kept')
    prepare_output(tmp_path / 'file')
    with pytest.raises(OSError, match='file'):
        prepare_output(tmp_path / 'file/x.json')
    assert (tmp_path / 'file').read_text() == 'kept'


def test_a_draft_is_moved_as_it_was_written(tmp_path):
    draft = temporary_path(tmp_path / 'x')
    draft.write_bytes(b'whole')
    move_into_place(draft, tmp_path / 'x')
    assert (tmp_path / 'x').read_bytes() == b'whole' and os.listdir(tmp_path) == ['x']


@pytest.mark.parametrize('sync', [True, False])
def test_content_reaches_the_disk_before_the_name(tmp_path, monkeypatch, sync):
    calls = []
    monkeypatch.setattr(os, 'fsync', lambda fd: calls.append(os.path.basename(
        os.readlink(f'/proc/self/fd/{fd}'))))
    replace = os.replace
    monkeypatch.setattr(os, 'replace', lambda *a: (calls.append('rename'), replace(*a)))
    write_atomic(tmp_path / 'p', b'text', sync=sync)
    if sync:
        assert calls[0].startswith('.tmp-') and calls[1:] == ['rename', tmp_path.name]
    else:
        assert calls == ['rename']
    assert (tmp_path / 'p').read_bytes() == b'text'


def test_text_stays_whole_if_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / 'p'
    path.write_text('old')

    def full(fd):
        raise OSError('no space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='no space'):
        write_text_atomic(path, 'new')
    assert path.read_text() == 'old' and os.listdir(tmp_path) == ['p']


def test_an_error_in_between_leaves_the_old_file(tmp_path):
    path = tmp_path / 'kept.txt'
    path.write_text('old')
    with pytest.raises(RuntimeError), replacing(path) as draft:
        draft.write_text('half')
        raise RuntimeError
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_stale_temporaries_go_and_nothing_else(tmp_path):
    keep = ['iter_2.pth', 'last_checkpoint', '.lock', 'notes.tmp', '.tmp-mine', '.tmp-1-xyz']
    for name in [*keep, temporary_path('iter_4.pth').name, '.tmp-77-0123456789abcdef']:
        (tmp_path / name).touch()
    remove_stale_temporaries(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(keep)


def test_where_a_file_system_cannot_be_synced_alone_all_are(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, 'sync', lambda: calls.append('all'))
    sync_filesystem(tmp_path)
    alone = list(calls)
    monkeypatch.setattr('ctypes.CDLL', lambda name: object())
    sync_filesystem(tmp_path)
    assert alone in ([], ['all']) and calls[len(alone):] == ['all']


TRY = """
import fcntl, sys
with open(sys.argv[1], 'a') as file:
    try:
        fcntl.flock(file, int(sys.argv[2]) | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(3)
"""


@pytest.mark.parametrize('exclusive, other_shares', [(True, 3), (False, 0)])
def test_lock_keeps_other_processes_out(tmp_path, exclusive, other_shares):
    import fcntl
    path = tmp_path / '.lock'

    def other(mode):
        return subprocess.run([sys.executable, '-c', TRY, str(path), str(mode)]).returncode

    with folder_lock(path, exclusive):
        assert (other(fcntl.LOCK_EX), other(fcntl.LOCK_SH)) == (3, other_shares)
    assert other(fcntl.LOCK_EX) == 0
