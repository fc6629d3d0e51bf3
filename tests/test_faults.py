"""A few of the faults of benchmarks/faults.py, and that it would notice if they did harm."""
import pytest

from benchmarks import faults
from benchmarks._fault_files import malicious_files
from mmwsss.labels import LabelStore


@pytest.fixture(scope='module')
def bench(tmp_path_factory):
    return faults.Bench(tmp_path_factory.mktemp('faults'), seed=0)


@pytest.mark.parametrize('what, pattern', [
    ('labels are written', 'labels/versions/*.part'),
    pytest.param('a checkpoint is written', '.tmp-*', marks=pytest.mark.slow)])
def test_killed_runs_end_as_undisturbed_ones(bench, what, pattern):
    row = faults.kills_while(bench, what, pattern, 1)
    assert row.good, row.cells()


def test_other_weights_or_labels_or_a_cut_file_would_be_noticed(bench):
    work_dir = bench.place()
    assert bench.train(work_dir, 'inference', {'train_cfg.max_iters': 4}).wait() == ''
    assert faults.jobs.unreadable(work_dir) == []
    ends = bench.end('inference', work_dir)
    assert all(a != b for a, b in zip(ends, bench.undisturbed('inference')))
    path = next(LabelStore(work_dir / 'labels').labels_folder().glob('*.png'))
    path.write_bytes(path.read_bytes()[:-1])
    (work_dir / 'iter_2.pth').write_bytes(b'PK')
    assert len(faults.jobs.unreadable(work_dir)) == 2


def test_malicious_files_are_refused(tmp_path):
    assert [problem for _, problem in malicious_files(tmp_path)] == [''] * 8


def test_the_table_replaces_what_the_page_had(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('a\n<!-- faults -->\nold\n<!-- end -->\nb\n')
    row = faults.Row('fire')
    row.add([], '', True)
    assert row.good
    row.add(['a map'], 'did not start', False)
    assert not row.good
    faults.write_table(page, [row])
    text = page.read_text()
    assert text.startswith('a\n<!-- faults -->\n| fault |') and text.endswith('<!-- end -->\nb\n')
    assert '| fire | 2 | **a map** | **did not start** | 1 of 2 |' in text and 'old' not in text
