"""mmwsss: weakly supervised semantic segmentation as a plugin for MMSegmentation.

Importing the package registers all of its components in MMEngine's root registries, so that
``custom_imports = dict(imports=['mmwsss'])`` is all that a config needs.
"""
from importlib.util import find_spec

from .version import __version__

__all__ = ['__version__']

# Import name -> what to install. Checked first, so that a missing package gives one plain line
# instead of a traceback from somewhere inside mmseg.
_REQUIRED = {
    'torch': 'torch',
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmseg': 'onedl-mmsegmentation',
    'mmpretrain': 'onedl-mmpretrain',
}


def _check_requirements() -> None:
    """Raise one ``ImportError`` that names every missing package and how to get it."""
    missing = [name for name in _REQUIRED if find_spec(name) is None]
    if missing:
        raise ImportError(
            f'mmwsss needs {", ".join(missing)}: pip install '
            f'{" ".join(_REQUIRED[name] for name in missing)}  '
            "(or pip install 'mmwsss[onedl]' for the whole stack)") from None


_check_requirements()

from . import config_scopes, datasets, engine, evaluation, models  # noqa: E402,F401

# mmseg.apis loads a checkpoint as soon as it has read the config that imports this package.
engine.use_safe_loading()
