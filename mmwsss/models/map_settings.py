"""What activation maps depend on beside the weights, as plain values with dotted names."""
import hashlib
import json
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any, Dict, Sequence, Tuple, Union

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

# Of a network: where weights, graphs (whose values are among the weights) or features lie, what
# acts in training alone, and what changes only rounding or memory.
_WITHOUT_EFFECT = (
    'init_cfg', 'pretrained', 'checkpoint', 'checkpoint_path', 'feature_cache', 'graph',
    'frozen_stages', 'norm_eval', 'requires_grad', 'momentum', 'dropout', 'dropout_ratio',
    'drop_rate', 'drop_path_rate', 'drop_prob', 'with_cp', 'channels_last', 'split_dilated')
# Of a segmentor besides: other parts for training, and what is asked when maps are made.
_NOT_OF_SEGMENTOR = _WITHOUT_EFFECT + (
    'auxiliary_head', 'train_cfg', 'loss_decode', 'loss_coarse_weight', '_coarse_criterion',
    'sampler', 'ignore_index', 'threshold', 'data_preprocessor', 'test_cfg')
# Of a head: options of training, and places for what it sees while it runs.
_NOT_OF_HEAD = ('init_cfg', 'loss_sce_weight', 'loss_graph_weight', 'attention', 'threshold',
                'erase', 'remask', 'attention_log', 'input_size')
_OF_SCORES = ('pooling', 'thr')
_NOT_OF_PREPROCESSOR = ('batch_augments', 'to_onehot', 'num_classes')
# Names of one thing: without GPUs batch norm takes the place of the synchronised one.
_SAME = {'SyncBN': 'BN', 'SyncBatchNorm': 'BatchNorm2d'}


def part_settings(**parts: Union[Mapping, nn.Module, None]) -> Dict[str, Any]:
    """Settings of a backbone or neck, before it is built.

    Args:
        parts (dict | nn.Module | None): by name, which is the first part of the keys; a config, or
            the module itself: described by its class and a digest of the plain attributes of all
            its modules (strides, dilations, ...).
    """
    return _flat({name: _plain(part) for name, part in parts.items() if part is not None})


def segmentor_settings(segmentor: Union[Mapping, nn.Module]) -> Dict[str, Any]:
    """Settings of a whole segmentor, before it is built; those of its preprocessor and its
    ``test_cfg`` are not among them.

    Args:
        segmentor (dict | nn.Module): a config; or the module itself, described as by
            :func:`part_settings`.
    """
    return _flat(dict(segmentor=_plain(segmentor, _NOT_OF_SEGMENTOR)))


def window_settings(segmentor: nn.Module) -> Dict[str, Any]:
    """``test_cfg`` of a segmentor, as it is now: sizes of windows only where there are any."""
    options = dict(getattr(segmentor, 'test_cfg', None) or {})
    if options.get('mode') == 'whole':
        options = {name: value for name, value in options.items()
                   if name not in ('crop_size', 'stride')}
    return _flat(dict(test_cfg=_plain(options))) if options else {}


def head_settings(head: nn.Module, scores: bool) -> Dict[str, Any]:
    """Options of a head, as they are now: all plain attributes but those of training.

    Args:
        head (nn.Module): e.g. :class:`ReCAMHead`.
        scores (bool): whether class scores choose the maps, so that what makes scores counts.
    """
    left_out = _NOT_OF_HEAD + (() if scores else _OF_SCORES)
    return _flat(dict(head=dict(type=type(head).__name__, **own_settings(head, left_out))))


def preprocessor_settings(preprocessor: nn.Module) -> Dict[str, Any]:
    """Options, mean and standard deviation of a data preprocessor, as they are now.

    Of padding only what acts in testing, and ``swap_channels`` for the channel order, which
    MMEngine's preprocessors keep under another name in each stack.
    """
    settings = own_settings(preprocessor, _NOT_OF_PREPROCESSOR + _idle_padding(preprocessor))
    swap = settings.pop('channel_conversion', getattr(preprocessor, '_channel_conversion', None))
    return _flat(dict(preprocessor=settings if swap is None else dict(
        settings, swap_channels=bool(swap))))


def _idle_padding(preprocessor: nn.Module) -> Tuple[str, ...]:
    """Options of padding without effect on maps."""
    if not hasattr(preprocessor, 'seg_pad_val'):
        padded = (getattr(preprocessor, 'pad_size_divisor', 1) or 1) > 1
        return () if padded else ('pad_value', )
    # MMSegmentation's pads in testing as its test_cfg says, otherwise not at all.
    in_testing = ('test_cfg', 'pad_val')
    return ('size', 'size_divisor', 'pad_size_divisor', 'pad_value', 'seg_pad_val',
            *(() if preprocessor.test_cfg else in_testing))


def own_settings(module: nn.Module, left_out: Sequence[str] = ()) -> Dict[str, Any]:
    """Plain public attributes of a module that are not None, and its buffers that no state dict
    holds; its submodules' are not among them."""
    plain = {name: _plain(value) for name, value in vars(module).items()
             if name[0] != '_' and name not in ('training', *left_out)
             and value is not None and _is_plain(value)}
    buffers = {name: _plain(value) for name, value in module.named_buffers(recurse=False)
               if name in module._non_persistent_buffers_set}
    return {**plain, **buffers}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def _plain(value: Any, left_out: Sequence[str] = _WITHOUT_EFFECT) -> Any:
    """What JSON can write, the same in each process; without what has no effect on maps."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, left_out) for key, entry in value.items()
                if key not in left_out}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, left_out) for entry in value]
    if isinstance(value, str):
        return _SAME.get(value, value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, nn.Module):
        return dict(type=type(value).__name__, attributes=_digest(value, left_out))
    if hasattr(value, 'tolist'):  # arrays and tensors
        return value.flatten().tolist()
    # A class or function by its name: its text would hold an address.
    return getattr(value, '__qualname__', type(value).__qualname__)


def _digest(module: nn.Module, left_out: Sequence[str]) -> str:
    """16 hexadecimal digits over classes and settings of a module and all in it."""
    parts = [(name, _plain(type(part).__name__), own_settings(part, left_out))
             for name, part in module.named_modules()
             if not isinstance(part, _DropoutNd) and set(left_out).isdisjoint(name.split('.'))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _flat(value: Mapping, prefix: str = '') -> Dict[str, Any]:
    """Nested dicts -> dotted keys, so that a message can name what differs and nothing more."""
    flat: Dict[str, Any] = {}
    for key, entry in value.items():
        if isinstance(entry, Mapping) and entry:
            flat.update(_flat(entry, f'{prefix}{key}.'))
        else:
            flat[f'{prefix}{key}'] = entry
    return flat
