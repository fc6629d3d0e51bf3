"""A trained segmentor on pictures that belong to no data set.

H, W: size of an image; K: classes of the segmentor.
"""
from os import PathLike
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from .safe_load import load_checkpoint_safely

LOADERS = ('LoadImageFromFile', 'LoadImageFromNDArray', 'LoadAnyImage')
LABEL_LOADERS = ('LoadSegLabels', 'LoadAnnotations', 'LoadOneDLAnnotations')
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
SHOWN = 3


class Segmentor:
    """A segmentor with the weights and the classes of a checkpoint, ready for images.

    The checkpoint is loaded without running anything from it and must fit the model exactly;
    ImageNet weights and the file of the class graph are not needed.

    Args:
        cfg (Config): config of a segmentor, with ``test_pipeline``; it is not changed.
        checkpoint (str): file written by training, or a state dict saved with ``torch.save``.
        device (str): where to run. Defaults to 'cpu'.
        long_side (int, optional): shrink or enlarge images to this longer side for the network;
            its scores are brought back to the size of the image.

    Attributes:
        model (nn.Module): in eval mode.
        classes (tuple of str): K names in label order, as saved in the checkpoint; numbers where
            it names none.

    Raises:
        ValueError: if the config is none of a segmentor, or the checkpoint that of another model.
        CheckpointError: see :func:`load_checkpoint_safely`.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str = 'cpu',
                 long_side: Optional[int] = None) -> None:
        steps = _steps(cfg, long_side)
        state, meta = _read(checkpoint)
        self.model = _build(cfg)
        _check_fit(self.model, state, checkpoint, meta)
        self.model.load_state_dict(state)
        self.model = revert_sync_batchnorm(self.model).to(device).eval()
        found = (meta.get('dataset_meta') or {}).get('classes')
        count = self.model.out_channels if self.model.out_channels > 1 else 2
        self.classes: Tuple[str, ...] = tuple(found or map(str, range(count)))
        self.pipeline = Compose(steps)

    @torch.no_grad()
    def __call__(self, path: Union[str, PathLike]) -> np.ndarray:
        """Label map of an image file.

        Returns:
            np.ndarray: (H, W) uint8, values 0..K-1, of the size of the pixels as stored (an EXIF
            orientation is not applied).

        Raises:
            FileNotFoundError, UnreadableImageError: name the file.
        """
        data = self.pipeline(dict(img_path=str(path)))
        batch = dict(inputs=[data['inputs']], data_samples=[data['data_samples']])
        result = self.model.test_step(batch)[0]
        return result.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)


def find_images(source: Union[str, PathLike]) -> Dict[str, Path]:
    """Images of a file or folder (with its sub-folders), by the name of their results.

    Returns:
        dict: name without suffix, relative to the folder -> path; where two images differ by
        their suffix only, their names keep it.

    Raises:
        FileNotFoundError: if there is no such file or folder, or no image in it.
    """
    source = Path(source)
    if source.is_file():
        return {source.stem: source}
    if not source.is_dir():
        raise FileNotFoundError(f'there is no image or folder {source}')
    paths = [path for path in sorted(source.rglob('*')) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise FileNotFoundError(f'no image in {source}: looked for {" ".join(IMAGE_SUFFIXES)}')
    stems = [path.relative_to(source).with_suffix('').as_posix() for path in paths]
    return {stem if stems.count(stem) == 1 else path.relative_to(source).as_posix(): path
            for stem, path in zip(stems, paths)}


def _steps(cfg: Config, long_side: Optional[int]) -> List[dict]:
    """The test pipeline without labels, with a reader that names broken and unusual files."""
    if 'test_pipeline' in cfg:
        steps = cfg.test_pipeline
    else:
        steps = cfg.get('test_dataloader', {}).get('dataset', {}).get('pipeline')
    if not steps or steps[0]['type'] not in LOADERS:
        raise ValueError('the config has no test_pipeline that begins with an image loader')
    resize = [] if long_side is None else [
        dict(type='Resize', scale=(long_side, long_side), keep_ratio=True)]
    rest = [dict(step) for step in steps[1:] if step['type'] not in LABEL_LOADERS]
    return [dict(type='LoadAnyImage'), *resize, *rest]


def _read(checkpoint: str) -> Tuple[dict, dict]:
    """State dict and metadata of a checkpoint."""
    content = load_checkpoint_safely(checkpoint)
    if not isinstance(content, dict):
        raise ValueError(f'{checkpoint} holds no weights but a {type(content).__name__}')
    state = content.get('state_dict', content)
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f'{checkpoint} holds no state_dict')
    return state, content.get('meta') or {}


def _build(cfg: Config) -> nn.Module:
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = MODELS.build(cfg.model)
    if not hasattr(model, 'decode_head'):
        raise ValueError(f'the config builds a {type(model).__name__}, which is no segmentor: '
                         'name the config of the segmentation stage')
    return model


def _check_fit(model: nn.Module, state: dict, checkpoint: str, meta: dict) -> None:
    """Raise unless every weight of the model is in the checkpoint, and no other.

    Word vectors of a missing graph file are as wide as the checkpoint says, see
    :class:`~mmwsss.models.layers.GraphReasoningMapping`.
    """
    own = model.state_dict()
    shapes = {key for key in own.keys() & state.keys() if own[key].shape != state[key].shape}
    shapes -= _of_empty_graphs(model)
    problems = [f'{len(keys)} {what} ({", ".join(sorted(keys)[:SHOWN])})' for what, keys in (
        ('missing', own.keys() - state.keys()), ('unknown', state.keys() - own.keys()),
        ('of another shape', shapes)) if keys]
    if problems:
        run = meta.get('experiment_name')
        raise ValueError(
            f'checkpoint {checkpoint} is not of this config: of its weights, '
            f'{"; ".join(problems)}. '
            + (f'It was written by the run {run!r}; n' if run else 'N')
            + 'ame the config that it was trained with')


def _of_empty_graphs(model: nn.Module) -> set:
    """Keys below layers whose graph file is missing, which take their width on loading."""
    keys = set()
    for name, module in model.named_modules():
        graph = getattr(module, 'graph', None)
        if graph is not None and getattr(graph, 'filled', True) is False:
            keys |= {f'{name}.{key}' for key in module.state_dict()
                     if key.startswith(('graph.', 'encoder.'))}
    return keys
