"""Logs of trainings that were cut off."""
import json

import pytest

from mmwsss.visualization import read_scalars


def write_log(work_dir, name, rows, tail=''):
    folder = work_dir / name / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)) + '\n' + tail)


def test_scalars_of_a_resumed_run_are_joined(tmp_path):
    write_log(tmp_path, '20260101_000000',
              [dict(loss=3., step=10), dict(loss=2., step=20), dict(loss=9., step=30)],
              tail='{"loss": 1.0, "st')
    write_log(tmp_path, '20260101_000100',
              [dict(loss=1., step=30), dict(mIoU=50., step=40), dict(loss=.5, step=40)])
    rows = read_scalars(tmp_path)
    assert [(row['step'], row['loss']) for row in rows] == [(10, 3.), (20, 2.), (30, 1.), (40, .5)]
    with pytest.raises(FileNotFoundError, match='train there first'):
        read_scalars(tmp_path / '20260101_000000')
