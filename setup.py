"""Packaging: what is installed, what it needs, and the ``.mim`` folder that ``mim`` reads.

``mim train mmwsss CONFIG`` looks for configs and tools in ``mmwsss/.mim``. An editable install
gets links there, a built wheel gets copies; the source tree itself never holds copies.
"""
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM_ENTRIES = ('configs', 'tools', 'model-index.yml')


def read_version() -> str:
    """The version string, read without importing the package (and so without torch)."""
    text = (ROOT / 'mmwsss' / 'version.py').read_text(encoding='utf-8')
    return re.search(r"__version__ = '([^']+)'", text).group(1)


def read_requirements(name: str) -> list:
    """Requirements of ``requirements/NAME.txt``: pins, comments and ``-r`` lines dropped."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    wanted = (line.split('#')[0].strip() for line in lines)
    return [re.split('==', line)[0].strip() for line in wanted
            if line and not line.startswith('-')]


def remove(path: Path) -> None:
    """Delete a file, a link or a folder, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


class BuildPyWithMim(build_py):
    """``build_py`` that also fills ``mmwsss/.mim``."""

    def run(self):
        super().run()
        if self.editable_mode:
            self._link()
        else:
            self._copy(Path(self.build_lib) / 'mmwsss' / '.mim')

    def _link(self) -> None:
        folder = ROOT / 'mmwsss' / '.mim'
        folder.mkdir(exist_ok=True)
        for name in MIM_ENTRIES:
            remove(folder / name)
            (folder / name).symlink_to(Path('..', '..', name))

    def _copy(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
        for name in MIM_ENTRIES:
            source, target = ROOT / name, folder / name
            remove(target)
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignore)
            elif source.is_file():
                shutil.copy2(source, target)


EXTRAS = {
    'onedl': read_requirements('onedl'),
    'openmmlab': read_requirements('openmmlab'),
    'timm': ['timm'],
    'crf': ['pydensecrf2'],
    'coco': ['pycocotools'],
    'plot': ['matplotlib'],
    'onnx': ['onnx', 'onnxruntime'],
    'report': ['jinja2', 'matplotlib'],
    'tests': read_requirements('tests'),
}

setup(
    name='mmwsss',
    version=read_version(),
    description='Weakly supervised semantic segmentation from image-level labels, '
                'as a plugin for MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='computer vision, semantic segmentation, weak supervision, graph reasoning',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=find_packages(include=['mmwsss', 'mmwsss.*']),
    package_data={'mmwsss': ['**/*.npz', '**/*.json', '**/*.txt', '**/*.md', '**/*.j2']},
    cmdclass={'build_py': BuildPyWithMim},
    python_requires='>=3.10',
    # torch 2.6: checkpoints load by an allow-list that names classes as strings.
    # jinja2: the report; torch brings it along, but might not for ever.
    install_requires=['jinja2>=3.1', 'numpy', 'scipy', 'pillow', 'torch>=2.6', 'torchvision'],
    extras_require=EXTRAS,
    zip_safe=False,
)
