"""Crafted files for faults.py: what they would run must not run, what they name stays outside."""
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from mmwsss.datasets import ImageLabels
from mmwsss.datasets.image_ids import read_image_ids
from mmwsss.datasets.label_sources import from_cls_labels
from mmwsss.engine import load_checkpoint_safely
from mmwsss.engine.resume import newest_loadable
from mmwsss.knowledge.reference_files import read_reference_embeddings
from mmwsss.labels import ActivationStore, LabelStore


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark, )


def malicious_files(folder: Path) -> Iterator[tuple[str, str]]:
    """What was tried and, if it was not refused, what happened.

    Args:
        folder: an existing folder to work in.
    """
    folder = folder / 'malicious'
    folder.mkdir()
    for fault, attempt in (('pickle that runs code as a checkpoint', _checkpoint),
                           ('the same as the newest checkpoint of a work directory', _resume),
                           ('pickle that runs code as cls_labels.npy', _cls_labels),
                           ('pickle that runs code as a GloVe pickle', _glove),
                           ("'../' in a list of image ids", _id_list),
                           ("'../' in a file of image-level labels", _image_labels),
                           ("'../' as an id in a label store", _label_store),
                           ("'../' as an id in an activation store", _activation_store)):
        place = folder / attempt.__name__ / 'inside'
        place.mkdir(parents=True)
        yield fault, _try(attempt, place, '..' if "'../'" in fault else place.name)


def _try(attempt: Callable[[Path], None], place: Path, named: str) -> str:
    error = None
    try:
        attempt(place)
    except Exception as refusal:
        error = refusal
    outside = [path.name for path in place.parent.iterdir() if path != place]
    if outside or (place / 'mark').exists():
        return f'it ran, or wrote outside: {outside}'
    return '' if named in str(error) else f'it was not refused by name: {error}'


def _checkpoint(place: Path) -> None:
    torch.save(dict(state_dict={}, meta=Payload(place / 'mark')), place / 'x.pth')
    load_checkpoint_safely(str(place / 'x.pth'))


def _resume(place: Path) -> None:
    torch.save(dict(state_dict={}, meta={}, message_hub=Payload(place / 'mark')),
               place / 'iter_4.pth')
    newest_loadable(str(place))


def _cls_labels(place: Path) -> None:
    np.save(place / 'cls_labels.npy', {'a': Payload(place / 'mark')}, allow_pickle=True)  # crafted
    from_cls_labels(place / 'cls_labels.npy', ['cat'])


def _glove(place: Path) -> None:
    (place / 'voc_glove_word2vec.pkl').write_bytes(pickle.dumps(Payload(place / 'mark')))
    read_reference_embeddings(place / 'voc_glove_word2vec.pkl', 'voc')


def _id_list(place: Path) -> None:
    (place / 'train.txt').write_text('a\n../b\n')
    read_image_ids(str(place / 'train.txt'))


def _image_labels(place: Path) -> None:
    ImageLabels(('cat', ), {'../b': ('cat', )})


def _label_store(place: Path) -> None:
    LabelStore(place, num_classes=2).write(1, '../../../../../b', np.zeros((2, 2), np.uint8))


def _activation_store(place: Path) -> None:
    ActivationStore(place, ('cat', )).write('../../b', np.zeros((1, 2, 2), np.float32), [0],
                                            image_size=(8, 8))
