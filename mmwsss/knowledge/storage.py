"""Plain ``.npz`` files: whole or not there, and the same bytes for the same content.

``numpy.savez`` stamps each member with the current time, so two runs of one command differ.
Here the stamps are fixed and nothing is compressed (compressed bytes depend on the zlib in use).
"""
import zipfile
from os import PathLike
from pathlib import Path
from typing import Dict, Mapping, Union

import numpy as np

from mmwsss.atomic_files import replacing

_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip member can carry


def save_npz(path: Union[str, PathLike], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an uncompressed npz, byte for byte the same for the same arrays.

    Args:
        path: target; an existing file is replaced at the very end.
        arrays: member name -> array without object dtype.

    Raises:
        ValueError: for an array that only a pickle could hold.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft, zipfile.ZipFile(draft, 'w', zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            array = np.asarray(array)
            if array.dtype.hasobject:
                raise ValueError(f'{path}: array {name!r} has dtype object; only plain numbers '
                                 'and strings can be stored')
            member = zipfile.ZipInfo(f'{name}.npy', date_time=_STAMP)
            member.external_attr = 0o644 << 16
            with archive.open(member, 'w', force_zip64=array.nbytes >= 2**31) as file:
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def load_npz(path: Union[str, PathLike], needed: tuple, what: str) -> Dict[str, np.ndarray]:
    """Read an npz without pickles.

    Args:
        path: file to read.
        needed: names that must be in it.
        what: what the file should be, for the error message.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no npz, is cut off, holds pickles, or lacks one of ``needed``.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no such {what}: {path}')
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, AttributeError,
            TypeError) as error:
        raise ValueError(f'{path} is no {what} (or is cut off): {error}') from error
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise ValueError(f'{path} is no {what}: it has {sorted(arrays)}, not {missing}')
    return arrays
