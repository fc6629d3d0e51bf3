"""Features of a frozen trunk on disk, by the bytes of the batch: for many heads on one trunk.

Trainings of one seed whose heads differ get the same batches, so all but the first can read what
the trunk makes of them. Since the key is the batch itself, augmentation stays what it is, and a
batch that was not seen before is computed.
"""
import hashlib
import pickle
from os import PathLike
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn as nn
from torch import Tensor

from mmwsss.atomic_files import replacing

_GB = 1e9


class FeatureCache:
    """Lists of tensors in files ``FOLDER/xx/KEY.pt``; several processes may share a folder.

    Args:
        folder (str | PathLike): Made if it does not exist.
        max_gb (float): Once the files that were there at the start and those that this process
            has added take so many GB (1e9 bytes), no more are added. Defaults to 20.
    """

    def __init__(self, folder: Union[str, PathLike], max_gb: float = 20.) -> None:
        self.folder = Path(folder).expanduser()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.max_gb = max_gb
        self.hits = self.misses = 0
        self._bytes = sum(path.stat().st_size for path in self.folder.glob('??/*.pt'))
        self._weights: Tuple[tuple, str] = ((), '')

    def features(self, trunk: nn.Module, x: Tensor,
                 compute: Callable[[Tensor], Sequence[Tensor]]) -> List[Tensor]:
        """``compute(x)``, read if the same trunk was given the same batch before.

        Args:
            trunk: what ``compute`` runs; its class, weights and buffers are part of the key.
            x: the batch.
            compute: makes a list of tensors of a batch.

        Raises:
            ValueError: a file of the folder cannot be read.
        """
        path = self._path(self.key(trunk, x))
        found = self._read(path, x.device)
        if found is not None:
            self.hits += 1
            return found
        self.misses += 1
        made = list(compute(x))
        self._write(path, made)
        return made

    def key(self, trunk: nn.Module, x: Tensor) -> str:
        """Digest of the trunk, the batch and the precision it runs in."""
        kind = x.device.type
        precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        digest = hashlib.blake2b(digest_size=20)
        for part in (self._trunk_digest(trunk), kind, precision, x.dtype, tuple(x.shape)):
            digest.update(f'{part};'.encode())
        digest.update(_bytes_of(x))
        return digest.hexdigest()

    def _trunk_digest(self, trunk: nn.Module) -> str:
        state = trunk.state_dict()
        # Both change when weights are loaded or moved; hashing them each time would take longer.
        stamp = tuple((tensor.data_ptr(), tensor._version) for tensor in state.values())
        if stamp != self._weights[0]:
            digest = hashlib.blake2b(repr(trunk).encode(), digest_size=20)
            for name, tensor in state.items():
                # Another memory format rounds differently.
                digest.update(f'{name}{tensor.stride()}'.encode())
                digest.update(_bytes_of(tensor))
            self._weights = (stamp, digest.hexdigest())
        return self._weights[1]

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f'{key}.pt'

    @staticmethod
    def _read(path: Path, device: torch.device) -> Optional[List[Tensor]]:
        try:
            return torch.load(path, map_location=device, weights_only=True)
        except FileNotFoundError:
            return None
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise ValueError(f'{path}: damaged features ({error}); delete the file and they are '
                             'computed again') from error

    def _write(self, path: Path, features: List[Tensor]) -> None:
        size = sum(feature.numel() * feature.element_size() for feature in features)
        if self._bytes + size > self.max_gb * _GB:
            return
        path.parent.mkdir(exist_ok=True)
        with replacing(path, sync=False) as draft, draft.open('wb') as file:
            torch.save([feature.detach() for feature in features], file)
        self._bytes += size


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy())
