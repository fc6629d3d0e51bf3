"""The report of one training and its predictions."""
import numpy as np
import pytest

from mmwsss.knowledge.names import VOC_CLASSES
from mmwsss.toy import ToySpec, write_toy_dataset
from mmwsss.visualization import read_scalars, single_run, write_report

from .test_report import call_tool, check_page
from .test_training_log import write_log


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp('trained')
    write_toy_dataset(root / 'toy', ToySpec(train=1, val=4, seed=0, height=48, width=48))
    write_log(root / 'run', '20260101_000000', [dict(loss=2., step=1), dict(loss=1.25, step=2)])
    return root


def test_labels_as_predictions_are_all_right(trained):
    toy = trained / 'toy'
    run = single_run(trained / 'run', data=toy, predictions=toy / 'SegmentationClass',
                     classes=VOC_CLASSES, title='A <b>title</b>', commands=['run --flag "a&b"'])
    content = write_report(run, trained / 'report.html', shown=3)
    assert content['table']['groups'] == ['predictions']
    assert {cell for row in content['table']['rows'] for cell in row['cells']} == {100.}
    (gallery, ) = content['galleries']
    assert gallery.title == 'Validation images'
    html = (trained / 'report.html').read_text()
    check_page(html)
    assert 'A &lt;b&gt;title' in html and 'a&amp;b' in html
    assert '2 iterations, last loss 1.25' in html


def test_command(trained, tmp_path, capsys):
    toy, out = trained / 'toy', tmp_path / 'report.html'
    assert call_tool(trained / 'run', '--data', toy, '--predictions', toy / 'SegmentationClass',
                     '--out', out, '--title', 'a title') == 0
    assert '100.0' in capsys.readouterr().out and '<h1>a title</h1>' in out.read_text()


def test_bad_input_is_named(trained, tmp_path):
    toy = trained / 'toy'
    options = dict(classes=VOC_CLASSES, title='t')
    with pytest.raises(FileNotFoundError, match='train there first'):
        single_run(tmp_path, data=toy, predictions=toy, **options)
    with pytest.raises(FileNotFoundError, match='no such folder'):
        single_run(trained / 'run', data=toy, predictions=tmp_path / 'none', **options)
    assert np.isclose(read_scalars(trained / 'run')[-1]['loss'], 1.25)
