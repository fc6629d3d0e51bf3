"""Loading checkpoints without running code from them.

A checkpoint is a pickle, and a pickle can call anything. torch's ``weights_only=True`` refuses all
but tensors and containers; MMEngine's training checkpoints also hold log histories and numpy
scalars, which mmengine 0.10.7 therefore cannot resume from on torch 2.6 and newer, while
onedl-mmengine loads them with ``weights_only=False`` as soon as anything is refused. Here the few
classes that MMEngine needs are allowed by name, and nothing else is.
"""
import os
import os.path as osp
import pickle
import re
from typing import Any, Callable, List
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

# numpy 2 moved its pickle helpers; files written with either name must load under both.
try:
    from numpy._core.multiarray import _reconstruct, scalar
except ImportError:  # numpy < 2
    from numpy.core.multiarray import _reconstruct, scalar

_HISTORY_METHODS = ('min', 'max', 'current', 'mean')

# How torch and _history_method say that a file wants more than it may have.
_REFUSED = re.compile(r'(unsupported )?GLOBAL [\w.]+|getattr\([^)]*\)|'
                      r'Trying to (call reduce|instantiate|set attributes)[^.]*', re.IGNORECASE)


class CheckpointError(RuntimeError):
    """A checkpoint that is cut short, damaged, or holds more than data."""


def load_checkpoint_safely(filename: str, map_location: Any = 'cpu') -> Any:
    """Load a checkpoint file, running nothing from it.

    Args:
        filename (str): A local file.
        map_location: See :func:`torch.load`.

    Returns:
        Any: The saved object, usually a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is cut short or damaged, or holds objects that are not on the
            list; names the file and the remedy.
    """
    filename = osp.expanduser(str(filename))
    if not osp.isfile(filename):
        raise FileNotFoundError(f'checkpoint {filename} can not be found.')
    try:
        with torch.serialization.safe_globals(allowed_globals()):
            return torch.load(filename, map_location=map_location, weights_only=True)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as e:  # a damaged pickle can raise anything
        raise CheckpointError(_explain(filename, e)) from e


def use_safe_loading() -> None:
    """Let MMEngine load local checkpoint files through :func:`load_checkpoint_safely`.

    Registers it as MMEngine's loader of local files (``CheckpointLoader``), which initial weights,
    ``load_from`` and resuming all use. Importing the package calls it, and ``PreflightHook`` and
    the tools again before anything is loaded; calling it again changes nothing.
    """
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_file, force=True)
    CheckpointLoader.register_scheme(
        prefixes=('http://', 'https://'), loader=load_from_url, force=True)


def fetch(url: str) -> str:
    """Path of the file behind ``url`` in torch's cache (``$TORCH_HOME/hub/checkpoints``).

    Downloads it first if it is not there, to a temporary name that is renamed when complete.
    """
    path = cache_path(url)
    if not osp.isfile(path):
        os.makedirs(osp.dirname(path), exist_ok=True)
        torch.hub.download_url_to_file(url, path, progress=False)
    return path


def cache_path(url: str) -> str:
    """Where torch (and so MMEngine) keeps the download of ``url``."""
    name = osp.basename(urlparse(url).path)
    return osp.join(torch.hub.get_dir(), 'checkpoints', name)


def allowed_globals() -> List[Any]:
    """What a checkpoint may name besides tensors: numpy scalars and arrays, log histories."""
    allowed: List[Any] = [HistoryBuffer, np.ndarray, np.dtype, slice]
    allowed += list({type(np.dtype(t)) for t in np.sctypeDict.values()})
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        allowed += [(_reconstruct, f'{module}._reconstruct'), (scalar, f'{module}.scalar')]
    allowed.append((_history_method, 'builtins.getattr'))
    return allowed


def _history_method(owner: type, name: str) -> Callable:
    """``getattr`` for what HistoryBuffer pickles with it (its statistics), and nothing else."""
    if owner is not HistoryBuffer or name not in _HISTORY_METHODS:
        raise pickle.UnpicklingError(f'getattr({owner!r}, {name!r}) is not allowed')
    return getattr(owner, name)


def load_from_file(filename: str, map_location: Any = None) -> Any:
    """MMEngine's loader for local files (it logs the function's name from ``load_from_`` on)."""
    return load_checkpoint_safely(filename, map_location or 'cpu')


def load_from_url(filename: str, map_location: Any = None, **kwargs) -> Any:
    """MMEngine's loader for URLs: rank 0 of the node downloads, all read the cached file."""
    from mmengine.dist import barrier, get_local_rank
    if get_local_rank() == 0:
        fetch(filename)
    barrier()
    return load_checkpoint_safely(fetch(filename), map_location or 'cpu')


def _explain(filename: str, error: Exception) -> str:
    refused = _REFUSED.search(str(error))
    if refused:
        return (f'checkpoint {filename} holds more than weights ({refused[0][:80]}) and was not '
                'loaded, since such a file can run code. If you trust it, save its state_dict '
                'alone with torch.save where it was made')
    size = osp.getsize(filename)
    reason = str(error).strip().split('\n')[0][:160] or type(error).__name__
    return (f'checkpoint {filename} ({size} bytes) is cut short or damaged ({reason}): copy or '
            'download it again, or take an older one')
