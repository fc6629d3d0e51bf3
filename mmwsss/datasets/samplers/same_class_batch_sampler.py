"""Groups of images that share a class, for networks that compare images.

Source: pgnn.txt, "Construct the patch-level graph neural network": the images of a mini-batch are
of one class; three of them in "Training Details".
"""
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import torch
from mmengine.registry import DATA_SAMPLERS

from .resumable_infinite_sampler import ResumableInfiniteSampler
from .stream_index import StreamIndex, mix_seed

NO_CLASS = -1


@DATA_SAMPLERS.register_module()
class SameClassBatchSampler(ResumableInfiniteSampler):
    """Endless passes in which every N images in a row share a class.

    A pass shows each image once for each of its classes, so all images and classes are in it;
    where a class does not fill its last group, some of its images come again. Images without any
    class make groups of their own. Let ``batch_size`` of the loader be a multiple of N.

    The stream is one for all ranks: rank ``r`` of ``W`` takes groups ``r, r + W, ...``, so a group
    never splits, and with the same global batch all ranks together see the same images however
    many they are. ``ExactResumeHook`` resumes it at the sample where it stopped.

    Indices are :class:`StreamIndex` whose ``focus`` is the class that the image was drawn for
    (-1 without any); with ``PackInputs`` a data sample has it as ``sample_idx.focus``.

    Args:
        dataset (Dataset): ``get_data_info(i)`` must have ``gt_label``, the classes of image i.
        group_size (int): N. Defaults to 3, the paper's.
        same_class (bool): False is the control: the same images, each as often and for the same
            class, but grouped at random. Defaults to True.
        balance (float): 0 to 1: how far rare classes are shown more often. Class c, of n_c images,
            is shown n_max^balance n_c^(1 - balance) times a pass; 0 (default): n_c times, 1: all
            classes as often as the most frequent.
        shuffle (bool): newly in every pass. Defaults to True.
        seed (int, optional): see :class:`ResumableInfiniteSampler`.

    Raises:
        ValueError: for options out of range, an empty data set, or one without ``gt_label``.
    """

    def __init__(self,
                 dataset: Any,
                 group_size: int = 3,
                 same_class: bool = True,
                 balance: float = 0.,
                 shuffle: bool = True,
                 seed: Optional[int] = None) -> None:
        super().__init__(dataset, shuffle=shuffle, seed=seed)
        if group_size < 1 or not 0 <= balance <= 1:
            raise ValueError('group_size must be at least 1 and balance lie in [0, 1], got '
                             f'{group_size} and {balance}')
        self.group_size = group_size
        self.same_class = same_class
        self.images = images_by_class(dataset)
        self.shown = _times_shown({c: len(i) for c, i in self.images.items()}, balance,
                                  group_size)
        self.size = sum(self.shown.values())

    def __iter__(self) -> Iterator[StreamIndex]:
        """Indices of this rank from sample ``start`` on."""
        sample, order, order_pass = self.start, [], None
        while True:
            group, place = divmod(sample, self.group_size)
            position = (group * self.world_size + self.rank) * self.group_size + place
            current, within = divmod(position, self.size)
            if current != order_pass:
                order, order_pass = self._order(current), current
            index, focus = order[within]
            yield StreamIndex(index, position, self.seed, focus=focus)
            sample += 1

    def __len__(self) -> int:
        """Samples of a pass, of all ranks together."""
        return self.size

    def _order(self, current_pass: int) -> List[Tuple[int, int]]:
        """(image, class) pairs of a pass, N by N a group."""
        generator = torch.Generator()
        generator.manual_seed(mix_seed(self.seed, current_pass))
        pairs = [(image, focus) for focus, images in self.images.items()
                 for image in self._draw(images, self.shown[focus], generator)]
        if not self.shuffle:
            return pairs
        if not self.same_class:
            return [pairs[i] for i in torch.randperm(len(pairs), generator=generator).tolist()]
        groups = torch.randperm(len(pairs) // self.group_size, generator=generator).tolist()
        return [pair for group in groups
                for pair in pairs[group * self.group_size:(group + 1) * self.group_size]]

    def _draw(self, images: List[int], count: int, generator: torch.Generator) -> List[int]:
        """``count`` images, all before any comes again, and none twice in a group if possible."""
        drawn: List[int] = []
        while len(drawn) < count:
            again = images
            if self.shuffle:
                again = [images[i] for i in torch.randperm(len(images), generator=generator)]
            begun = set(drawn[len(drawn) - len(drawn) % self.group_size:])
            drawn += sorted(again, key=begun.__contains__)  # stable: those go to the end
        return drawn[:count]


def images_by_class(dataset: Any) -> Dict[int, List[int]]:
    """Class -> indices of its images, both ascending; images without any under -1.

    Raises:
        ValueError: if the data set does not say the classes of its images.
    """
    found: Dict[int, List[int]] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
        if 'gt_label' not in info:
            raise ValueError(f'{type(dataset).__name__} does not say the classes of its images '
                             '(gt_label): use ImageLabelDataset')
        for label in np.atleast_1d(info['gt_label']).tolist() or [NO_CLASS]:
            found.setdefault(int(label), []).append(index)
    return dict(sorted(found.items()))


def _times_shown(counts: Dict[int, int], balance: float, group_size: int) -> Dict[int, int]:
    """How many images a pass draws of each class: whole groups."""
    most = max((count for c, count in counts.items() if c != NO_CLASS), default=1)
    shown = {}
    for c, count in counts.items():
        wanted = count if c == NO_CLASS else most**balance * count**(1 - balance)
        shown[c] = -(-max(count, round(wanted)) // group_size) * group_size
    return shown
