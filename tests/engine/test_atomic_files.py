"""Renaming into place."""
import os

import pytest

from mmwsss.engine.atomic_files import (
    remove_stale_temporaries,
    replace_durably,
    temporary_name,
    write_text_durably,
)


def test_temporary_name_is_hidden_beside_the_file_and_no_checkpoint():
    name = temporary_name('a/b/iter_2.pth')
    assert os.path.dirname(name) == 'a/b'
    assert os.path.basename(name).startswith('.') and not name.endswith('.pth')


def test_replace_overwrites_and_leaves_no_temporary(tmp_path):
    final = str(tmp_path / 'x.pth')
    for text in ('old', 'new'):
        with open(temporary_name(final), 'w') as f:
            f.write(text)
        replace_durably(temporary_name(final), final)
    assert open(final).read() == 'new' and os.listdir(tmp_path) == ['x.pth']


def test_content_reaches_the_disk_before_the_name(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, 'fsync', lambda fd: calls.append(os.path.basename(
        os.readlink(f'/proc/self/fd/{fd}'))))
    replace = os.replace
    monkeypatch.setattr(os, 'replace', lambda *a: (calls.append('rename'), replace(*a)))
    write_text_durably(str(tmp_path / 'p'), 'text')
    assert calls == [os.path.basename(temporary_name('p')), 'rename', tmp_path.name]
    assert (tmp_path / 'p').read_text() == 'text'


def test_text_stays_whole_if_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / 'p'
    path.write_text('old')

    def full(fd):
        raise OSError('no space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='no space'):
        write_text_durably(str(path), 'new')
    assert path.read_text() == 'old'


def test_stale_temporaries_go_and_nothing_else(tmp_path):
    keep = ['iter_2.pth', 'last_checkpoint', '.lock', 'notes.tmp', '.mine.tmp']
    for name in keep + [os.path.basename(temporary_name('iter_4.pth')), '.iter_2.pth.77.tmp']:
        (tmp_path / name).touch()
    remove_stale_temporaries(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted(keep)
