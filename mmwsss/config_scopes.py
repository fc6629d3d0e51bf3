"""Makes ``_base_ = 'mmseg::...'`` find MMSegmentation under whichever name it was installed.

MMEngine looks the package of a scope up by its distribution name, ``mmsegmentation``; the OneDL
fork is distributed as ``onedl-mmsegmentation`` and is not found. Its import name is the same in
both, and MMEngine accepts that too.
"""
from mmengine.config import utils
from mmengine.utils import is_installed


def find_by_import_name(scope: str = 'mmseg') -> None:
    """Look a scope up by its import name if its distribution name is not installed."""
    if not is_installed(utils.MODULE2PACKAGE.get(scope, scope)):
        utils.MODULE2PACKAGE[scope] = scope


find_by_import_name()
