"""Split lists: what is read and what is refused."""
import pytest

from mmwsss.datasets import ImageLabels
from mmwsss.datasets.image_ids import (
    check_image_id,
    list_image_ids,
    missing_files,
    read_image_ids,
)


def write(path, text, **kwargs):
    path.write_text(text, **kwargs)
    return str(path)


def test_ids_in_order_without_blank_lines_crlf_and_bom(tmp_path):
    path = write(tmp_path / 'a.txt', '\ufeff2007_01\r\n\r\n  2007_00  \nsub/x\n')
    assert read_image_ids(path) == ['2007_01', '2007_00', 'sub/x']


def test_ids_may_hold_spaces(tmp_path):
    names = ['my photo 1', 'summer 2019/IMG 1', 'golden retriever/no. 5']
    assert read_image_ids(write(tmp_path / 'a.txt', '\n'.join(names))) == names


@pytest.mark.parametrize('bad, reason', [
    ('../secret', r"'\.\.'"),
    ('a/../../b', r"'\.\.'"),
    ('..\\b', r"'\.\.'"),
    ('/etc/passwd', 'absolute'),
    ('C:\\x', 'absolute'),
    ('\\\\host\\share\\x', 'absolute'),
    ('/JPEGImages/a.jpg /SegmentationClassAug/a.png', 'columns'),
    ('a.PNG b', 'columns'),
    ('a\x00b', 'control'),
    ('c\\d', 'backslash'),
    ('.b', 'hidden'),
    ('.hidden/b', 'hidden'),
    ('./b', 'hidden'),
    ('a//b', 'empty'),
    ('a/', 'empty'),
])
def test_unsafe_ids_are_refused_with_file_and_line(tmp_path, bad, reason):
    path = write(tmp_path / 'list.txt', f'ok\n{bad}\n')
    with pytest.raises(ValueError, match=f'list.txt, line 2.*{reason}'):
        read_image_ids(path)


def test_dots_inside_a_name_are_fine(tmp_path):
    assert read_image_ids(write(tmp_path / 'a.txt', 'a..b\nc.d\n')) == ['a..b', 'c.d']


@pytest.mark.parametrize('name', ['', '../x', 'a//b', '/etc/x', 'a/..', '.hidden', '.a/b', 'a\\b'])
def test_what_no_store_takes_is_refused_before_the_work(name):
    with pytest.raises(ValueError, match='image id: '):
        check_image_id(name)
    with pytest.raises(ValueError, match='image id: '):
        ImageLabels(('cat', ), {name: ()})


def test_an_id_listed_twice_is_refused(tmp_path):
    path = write(tmp_path / 'list.txt', '0\n\n1\n0\n')
    with pytest.raises(ValueError, match="list.txt, line 4: '0' is listed in line 1 already"):
        read_image_ids(path)


def test_missing_and_empty_and_binary_list(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.txt'):
        read_image_ids(str(tmp_path / 'nothing.txt'))
    with pytest.raises(ValueError, match='lists no image'):
        read_image_ids(write(tmp_path / 'empty.txt', '\n\n'))
    (tmp_path / 'bin.txt').write_bytes(b'\xff\xfe\x00\x80')
    with pytest.raises(ValueError, match='not a text file'):
        read_image_ids(str(tmp_path / 'bin.txt'))


def test_list_image_ids_walks_sub_folders_sorted(tmp_path):
    (tmp_path / 'b').mkdir()
    (tmp_path / '.ipynb_checkpoints').mkdir()
    for name in ('c.jpg', 'b/a.jpg', 'x.png', '.hidden.jpg', '.ipynb_checkpoints/c.jpg'):
        (tmp_path / name).touch()
    assert list_image_ids(str(tmp_path), '.jpg') == ['b/a', 'c']


def test_missing_files_keeps_order_and_sees_folders_and_dead_links(tmp_path):
    (tmp_path / 'a').touch()
    (tmp_path / 'dir').mkdir()
    (tmp_path / 'dead').symlink_to(tmp_path / 'gone')
    names = ['z', 'a', 'dir', 'no/such', 'dead']
    paths = [str(tmp_path / n) for n in names]
    assert missing_files(paths) == [p for p, n in zip(paths, names) if n != 'a']
