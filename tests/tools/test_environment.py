"""The environment that the shell tools make: never taken for ready when a step of it failed."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.paths import ROOT

# Stands for the interpreter: '-m venv FOLDER' makes a folder whose python is the stub below.
BASE = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
  mkdir -p "$3/bin" && touch "$3/pyvenv.cfg" && cp "{stub}" "$3/bin/python"
else
  exec "{python}" "$@"
fi
"""
# Does nothing, and fails at the step whose arguments match.
STUB = """#!/bin/sh
echo "$*" >> "{log}"
case "$*" in {fails}) echo "No space left" >&2; exit 1 ;; esac
"""
STEPS = {'packages': '*"-r requirements"*', 'project': '*"-e ."', 'imports': '*"import torch"*'}


def ensure(tmp_path, fails):
    """Run ``ensure_environment onedl`` in a copy of what it reads; the interpreter is a stub."""
    project = tmp_path / 'project'
    if not project.exists():
        for folder in ('requirements', 'tools'):
            (project / folder).mkdir(parents=True)
        shutil.copytree(ROOT / 'requirements', project / 'requirements', dirs_exist_ok=True)
        shutil.copy(ROOT / 'tools' / 'environment.sh', project / 'tools')
        shutil.copy(ROOT / 'setup.py', project)
    stub, base = tmp_path / 'stub', tmp_path / 'python'
    stub.write_text(STUB.format(log=tmp_path / 'log', fails=fails))
    base.write_text(BASE.format(stub=stub, python=sys.executable))
    for file in (stub, base):
        file.chmod(0o755)
    (tmp_path / 'log').write_text('')
    environ = {key: value for key, value in os.environ.items() if key != 'MMWSSS_VENV'}
    result = subprocess.run(
        ['bash', '-c', 'set -euo pipefail; . tools/environment.sh; ensure_environment onedl;'
         ' echo "ready: $PYTHON_BIN"'], cwd=project, env=dict(environ, PYTHON=str(base)),
        capture_output=True, text=True, timeout=60)
    return result, (tmp_path / 'log').read_text(), project / '.venv' / '.mmwsss-ready'


@pytest.mark.parametrize('step', STEPS)
def test_a_step_that_fails_is_no_environment(tmp_path, step):
    result, log, ready = ensure(tmp_path, STEPS[step])
    assert result.returncode != 0 and 'ready' not in result.stdout
    assert 'the installation failed' in result.stderr and 'GB free here' in result.stderr
    assert not ready.exists()
    steps = [name for name, pattern in STEPS.items() if pattern.strip('*"') in log]
    assert steps == list(STEPS)[:list(STEPS).index(step) + 1]  # none after the one that failed

    # The next call makes it anew, the one after finds it there.
    result, log, ready = ensure(tmp_path, 'never')
    assert result.returncode == 0 and 'ready: ' in result.stdout and ready.exists()
    assert log.count('-r requirements/onedl.txt') == 1
    result, log, _ = ensure(tmp_path, 'never')
    assert result.returncode == 0 and log == ''


def test_changed_requirements_make_it_anew(tmp_path):
    ensure(tmp_path, 'never')
    with open(tmp_path / 'project' / 'requirements' / 'onedl.txt', 'a') as file:
        file.write('another\n')
    result, log, _ = ensure(tmp_path, 'never')
    assert result.returncode == 0 and log.count('-r requirements/onedl.txt') == 1
