"""``mmseg::`` in a config finds MMSegmentation whatever its distribution is called."""
import subprocess
import sys

import pytest
from mmengine.config import utils

from mmwsss.config_scopes import find_by_import_name
from tests.paths import ROOT


@pytest.mark.parametrize('known, expected', [
    ('no-such-distribution', 'mmseg'),  # the fork under another name
    ('mmengine', 'mmengine'),  # stands for a distribution that is installed: left alone
])
def test_falls_back_to_the_import_name(monkeypatch, known, expected):
    monkeypatch.setitem(utils.MODULE2PACKAGE, 'mmseg', known)
    find_by_import_name('mmseg')
    assert utils.MODULE2PACKAGE['mmseg'] == expected


def test_importing_the_package_is_enough():
    code = ('import mmwsss; from mmengine.config import Config; '
            "print(Config.fromfile('configs/grm/pspnet_r50_grm_voc.py').model.decode_head.type)")
    run = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.split()[-1:] == ['GRMHead'], run.stderr
