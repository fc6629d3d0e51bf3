"""The package as a whole: importing it registers everything, wherever the config comes from."""
import importlib
import pkgutil
import shutil
import subprocess
import sys
import tarfile

import pytest
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS

import mmwsss
from tests.paths import ROOT

ROOT_REGISTRIES = dict(models=MODELS, datasets=DATASETS, transforms=TRANSFORMS, hooks=HOOKS,
                       metrics=METRICS, samplers=DATA_SAMPLERS)
# Public names that configs rely on.
PUBLIC = [
    (MODELS, ['GraphReasoningMapping', 'GlobalContext', 'PixelResidual', 'GRMHead', 'ContextHead',
              'GRMBackbone', 'DeepLabV2Head', 'LargeFOVHead', 'MSCEncoderDecoder']),
    (DATASETS, ['VOC12SegDataset', 'COCO14SegDataset']),
    (TRANSFORMS, ['LoadSegLabels']),
    (HOOKS, ['PreflightHook', 'AtomicCheckpointHook']),
]


def own_modules(registry):
    """Name -> class of what mmwsss put into a registry."""
    return {name: cls for name, cls in registry.module_dict.items()
            if cls.__module__.split('.')[0] == 'mmwsss'}


def python(code, timeout=180):
    """Run code in a fresh interpreter at the project's root; returns the process."""
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)


@pytest.mark.parametrize('registry, name', [(r, n) for r, names in PUBLIC for n in names])
def test_public_names_are_in_the_root_registries(registry, name):
    assert registry.get(name).__module__.startswith('mmwsss.')


@pytest.mark.parametrize('scope_name', ['mmengine', 'mmseg', 'mmpretrain'])
@pytest.mark.parametrize('registry, name', [(r, names[0]) for r, names in PUBLIC])
def test_names_resolve_from_each_scope(scope_name, registry, name):
    importlib.import_module(scope_name)
    with registry.switch_scope_and_registry(scope_name) as current:
        assert current.get(name).__module__.startswith('mmwsss.')


@pytest.mark.slow
def test_custom_imports_make_the_names_known(tmp_path):
    """What a config with custom_imports does, in interpreters that have imported nothing else."""
    for scope_name in ('mmseg', 'mmpretrain'):
        config = tmp_path / f'{scope_name}_config.py'
        config.write_text("custom_imports = dict(imports=['mmwsss'])\n"
                          f"default_scope = '{scope_name}'\n"
                          "model = dict(type='GlobalContext', in_channels=4, num_classes=3)\n")
        found = python(
            'from mmengine.config import Config\n'
            'from mmengine.registry import init_default_scope, MODELS\n'
            f'cfg = Config.fromfile({str(config)!r})\n'
            'init_default_scope(cfg.default_scope)\n'
            f'import {scope_name}.registry as registry\n'
            'print(type(registry.MODELS.build(cfg.model)).__name__)')
        assert found.stdout.split()[-1:] == ['GlobalContext'], found.stderr


def test_every_own_name_is_new():
    """No name of ours is one that mmseg or mmpretrain (or mmdet, where there) has already."""
    children = {'mmseg': 'mmseg', 'mmpretrain': 'mmpretrain'}
    for package in ('mmseg', 'mmpretrain', 'mmdet'):
        try:
            module = importlib.import_module(f'{package}.registry')
        except ImportError:
            assert package not in children
            continue
        for part in ('models', 'datasets', 'evaluation', 'engine'):
            try:
                importlib.import_module(f'{package}.{part}')
            except ModuleNotFoundError as error:
                assert error.name == f'{package}.{part}'
        for key, root in ROOT_REGISTRIES.items():
            child = {'models': 'MODELS', 'datasets': 'DATASETS', 'transforms': 'TRANSFORMS',
                     'hooks': 'HOOKS', 'metrics': 'METRICS', 'samplers': 'DATA_SAMPLERS'}[key]
            taken = set(getattr(module, child).module_dict) & set(own_modules(root))
            assert not taken, f'{package} {child} has {taken} too'


def test_every_module_imports_without_side_effects_on_torch():
    code = ('import importlib, pkgutil, torch\n'
            'threads, kind = torch.get_num_threads(), torch.get_default_dtype()\n'
            'import mmwsss\n'
            'for module in pkgutil.walk_packages(mmwsss.__path__, "mmwsss."):\n'
            '    importlib.import_module(module.name)\n'
            'assert (threads, kind) == (torch.get_num_threads(), torch.get_default_dtype())\n'
            'print("fine")')
    found = python(code)
    assert found.stdout.strip().endswith('fine'), found.stderr


def test_missing_packages_give_one_line(tmp_path):
    """Import with mmseg and mmpretrain hidden: one line that names both and the way out."""
    code = ('import importlib.util as util\n'
            'find = util.find_spec\n'
            'util.find_spec = lambda name, *rest: (\n'
            '    None if name in ("mmseg", "mmpretrain") else find(name, *rest))\n'
            'try:\n'
            '    import mmwsss\n'
            'except ImportError as error:\n'
            '    print(error)\n')
    lines = python(code).stdout.strip().splitlines()
    assert len(lines) == 1
    for part in ('mmseg, mmpretrain', 'pip install onedl-mmsegmentation onedl-mmpretrain',
                 'mmwsss[onedl]'):
        assert part in lines[0]


def test_knowledge_imports_no_framework():
    """``mmwsss.knowledge`` itself needs numpy and scipy only (its package imports the rest)."""
    for path in sorted((ROOT / 'mmwsss' / 'knowledge').glob('*.py')):
        for line in path.read_text(encoding='utf-8').splitlines():
            words = line.split()
            if words[:1] in (['import'], ['from']):
                assert words[1].split('.')[0] not in ('torch', 'mmengine', 'mmcv', 'mmseg',
                                                      'mmpretrain'), f'{path.name}: {line}'


def test_version_is_the_installed_one():
    from importlib import metadata
    assert mmwsss.__version__.count('.') == 2
    try:
        installed = metadata.version('mmwsss')
    except metadata.PackageNotFoundError:
        pytest.skip('mmwsss is on the path, not installed')
    assert installed == mmwsss.__version__


def test_every_package_folder_has_an_init():
    """A folder without ``__init__.py`` is left out of wheels; tests would share names."""
    for top in (ROOT / 'mmwsss', ROOT / 'tests'):
        for folder in {path.parent for path in top.rglob('*.py') if '.mim' not in path.parts}:
            assert (folder / '__init__.py').exists(), folder
    assert 'mmwsss.models' in {m.name for m in pkgutil.iter_modules(mmwsss.__path__, 'mmwsss.')}


def test_wheel_and_sdist_hold_what_mim_and_the_graphs_need(tmp_path):
    """Build both from a copy; the wheel has the graphs, templates, configs, tools, model index."""
    pytest.importorskip('setuptools', minversion='64')
    source = tmp_path / 'source'
    source.mkdir()
    for name in ('mmwsss', 'configs', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, source / name,
                        ignore=shutil.ignore_patterns('__pycache__', '.mim'))
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE',
                 'CITATION.cff', 'model-index.yml'):
        shutil.copy(ROOT / name, source / name)
    subprocess.run([sys.executable, 'setup.py', '-q', 'sdist', '-d', str(tmp_path)], cwd=source,
                   check=True, capture_output=True, timeout=180)
    archive, = tmp_path.glob('*.tar.gz')
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / 'unpacked', filter='data')
    unpacked, = (tmp_path / 'unpacked').iterdir()
    # The wheel is built from the sdist, as a package index user's pip does.
    subprocess.run([sys.executable, 'setup.py', '-q', 'build', '--build-lib',
                    str(tmp_path / 'lib')], cwd=unpacked, check=True, capture_output=True,
                   timeout=180)
    built = tmp_path / 'lib' / 'mmwsss'
    for name in ('knowledge/graphs/voc.npz', 'knowledge/graphs/coco.npz',
                 'knowledge/graphs/voc_cooccurrence.npz',
                 'visualization/templates/report.j2', '.mim/model-index.yml',
                 '.mim/tools/train.py', '.mim/configs/_base_/default_runtime.py',
                 'models/layers/graph_reasoning.py'):
        assert (built / name).is_file(), name
    wanted = {str(p.relative_to(ROOT / 'configs')) for p in (ROOT / 'configs').rglob('*.py')}
    copied = {str(p.relative_to(built / '.mim/configs'))
              for p in (built / '.mim/configs').rglob('*.py')}
    assert copied == wanted


def test_model_index_names_files_that_exist():
    index = Config.fromfile(ROOT / 'model-index.yml')
    assert index.Import
    for name in index.Import:
        metafile = Config.fromfile(ROOT / name)
        for model in metafile.Models:
            assert (ROOT / model.Config).is_file(), model.Config
