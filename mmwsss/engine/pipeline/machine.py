"""On what a stage ran."""
import os
import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from mmwsss.version import __version__

# The maintained distributions come first; both have the same modules.
_DISTRIBUTIONS = {
    'torch': ('torch', ), 'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'), 'numpy': ('numpy', ), 'timm': ('timm', )}


@lru_cache(maxsize=None)
def packages() -> dict[str, str]:
    """Versions of what results may depend on."""
    found = {'python': platform.python_version(), 'mmwsss': __version__}
    for module, names in _DISTRIBUTIONS.items():
        for name in names:
            try:
                found[module] = f'{metadata.version(name)}' + (
                    f' ({name})' if name != module else '')
                break
            except metadata.PackageNotFoundError:
                continue
    return found


@lru_cache(maxsize=None)
def device() -> str:
    """Name of the first GPU, or 'cpu'."""
    import torch
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'cpu'


@lru_cache(maxsize=None)
def git_commit(folder: Path) -> str | None:
    """Commit of a clone, with a + after it if files differ from it; None outside of one."""
    if not (folder / '.git').exists():
        return None
    try:
        run = [subprocess.run(['git', '-C', str(folder), *args], capture_output=True, text=True,
                              timeout=20, check=True).stdout.strip()
               for args in (('rev-parse', 'HEAD'), ('status', '--porcelain', '-uno'))]
    except (OSError, subprocess.SubprocessError):
        return None
    return run[0] + ('+' if run[1] else '')


def settings() -> dict[str, str]:
    """Environment variables of ours that are set."""
    return {name: value for name, value in sorted(os.environ.items())
            if name.startswith('MMWSSS_')}
