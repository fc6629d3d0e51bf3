"""Configs made small enough for one iteration on a CPU, and cut off from the network."""
import copy
from typing import Any, List, Sequence

from mmengine.config import Config, ConfigDict

CROP = (65, 65)
CHANNELS = 16


def offline(cfg: Any) -> Any:
    """No pretrained weights, no SyncBN (needs processes); in place, and returned."""
    if isinstance(cfg, dict):
        for key in list(cfg):
            if key in ('init_cfg', 'pretrained'):
                cfg[key] = None
            elif key == 'type' and cfg[key] == 'SyncBN':
                cfg[key] = 'BN'
            else:
                offline(cfg[key])
    elif isinstance(cfg, (list, tuple)):
        for item in cfg:
            offline(item)
    return cfg


def model_config(cfg: Config) -> ConfigDict:
    """The model of a config at its full size, offline."""
    return offline(copy.deepcopy(cfg.model))


def small_model_config(cfg: Config) -> ConfigDict:
    """The model of a config with a narrow shallow trunk and narrow heads, offline."""
    model = model_config(cfg)
    model.data_preprocessor.size = CROP
    widths = _shrink_backbone(model.backbone)
    heads = [model.decode_head]
    if model.get('auxiliary_head'):
        heads.append(model.auxiliary_head)
    for head in heads:
        _shrink_head(head, widths)
    return model


def _shrink_backbone(backbone: ConfigDict) -> Sequence[int]:
    """Make a backbone small in place; returns the channels of its outputs."""
    kind = backbone.type
    if kind == 'GRMBackbone':
        return _shrink_backbone(backbone.backbone)
    if kind in ('ResNet', 'ResNetV1c'):
        backbone.update(depth=18, base_channels=8, stem_channels=8)
        widths = (8, 16, 32, 64)
        return [widths[i] for i in backbone.out_indices]
    if kind == 'SwinTransformer':
        backbone.update(embed_dims=8, depths=(2, 2, 2, 2), num_heads=(1, 2, 4, 8))
        return (8, 16, 32, 64)
    if kind == 'MixVisionTransformer':
        backbone.update(embed_dims=8, num_heads=(1, 2, 4, 8))
        return (8, 16, 32, 64)
    known = {'VGGLargeFOV': (512, ), 'FrozenTIMMBackbone': (112, 320)}
    return known[kind]


def _shrink_head(head: ConfigDict, widths: Sequence[int]) -> None:
    if 'head' in head:  # GRMHead, ContextHead
        return _shrink_head(head['head'], widths)
    index = head.get('in_index', -1)
    several = isinstance(index, (list, tuple))
    head.in_channels = [widths[i] for i in index] if several else widths[index]
    if head.channels is not None:
        head.channels = CHANNELS


def class_names(cfg: Config) -> List[str]:
    """Classes of the training set, without its files."""
    from mmseg.registry import DATASETS
    return list(DATASETS.get(cfg.train_dataloader.dataset.type).METAINFO['classes'])
