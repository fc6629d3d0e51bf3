"""timm backbones with frozen stages, frozen batch norm and local ImageNet weights.

timm: https://github.com/huggingface/pytorch-image-models. mmseg's ``TIMMBackbone`` is the wrapper
underneath; what is added here is what fine-tuning with few labels and small batches needs.

Shape letters: B batch, H and W of the image.
"""
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import torch
import torch.nn as nn
from mmengine.logging import print_log
from mmengine.registry import MODELS
from mmseg.models.backbones.timm_backbone import TIMMBackbone
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..layers.dilated_depthwise import split_dilated_depthwise
from .feature_cache import FeatureCache

_CONVERT = 'python tools/convert_efficientnet_lite.py --output'


@MODELS.register_module()
class FrozenTIMMBackbone(TIMMBackbone):
    """A timm feature extractor with ``frozen_stages`` and ``norm_eval``.

    Blocks behind the last feature that is asked for are dropped, so that they neither take
    memory nor stay as parameters without gradient. The state dict holds ``timm_model.*`` with
    timm's own names.

    Weights come from a local timm checkpoint (state dict of the classification model):
    ``init_cfg=dict(type='Pretrained', checkpoint='efficientnet_lite0.pth')``. Every parameter and
    buffer of the backbone must be in that file; what is more in it (classifier, dropped blocks)
    is not used. It is read with ``weights_only=True``.

    Args:
        model_name (str): Name in timm, e.g. 'tf_efficientnet_lite0'.
        out_indices (Sequence[int]): Which of timm's features to return (0: stride 2, then one a
            stride). Defaults to (3, 4).
        output_stride (int): 8, 16 or 32; strides beyond it become dilations. Defaults to 16.
        frozen_stages (int): Everything up to timm's feature of this index gets no gradient and
            stays in eval mode; -1 freezes nothing. Defaults to -1.
        norm_eval (bool): Whether batch norm layers use their running statistics in training.
            Defaults to True.
        channels_last (bool): Whether weights and images are laid out with the channels last in
            memory, which makes depthwise convolutions on CPUs about 1.5 times as fast; results
            agree within rounding. Defaults to False.
        split_dilated (bool): Whether dilated depthwise convolutions run as undilated ones on
            interleaved maps, which on a CPU without a fast kernel for them made a training step
            1.4 times as fast; results agree within rounding. Defaults to False.
        feature_cache (str, optional): Folder in which features are kept, by the bytes of the
            batch, for other heads that are trained on the same batches (docs/ablations.md); at
            most 20 GB. Only for a trunk that is frozen as a whole. None, '' or 'none' (what a
            config has where a variable is not set) keeps none. Defaults to None.
        init_cfg (dict, optional): ``Pretrained`` as above, or any MMEngine initialiser.
        **kwargs: Further arguments of mmseg's ``TIMMBackbone`` and of ``timm.create_model``.

    Shape:
        - input: (B, 3, H, W)
        - output: list of (B, C_i, H / s_i, W / s_i), one an entry of ``out_indices``.

    Raises:
        FileNotFoundError: The checkpoint is a path that does not exist.
        ValueError: The checkpoint lacks weights of this network, ``frozen_stages`` is not the
            index of a feature, or ``feature_cache`` is given and something is not frozen.
    """

    weights_hint = f'those of tf_efficientnet_lite0 are made with: {_CONVERT} FILE'

    def __init__(self,
                 model_name: str,
                 out_indices: Sequence[int] = (3, 4),
                 output_stride: int = 16,
                 frozen_stages: int = -1,
                 norm_eval: bool = True,
                 channels_last: bool = False,
                 split_dilated: bool = False,
                 feature_cache: Optional[str] = None,
                 pretrained: bool = False,
                 init_cfg: Optional[Union[dict, List[dict]]] = None,
                 **kwargs) -> None:
        super().__init__(
            model_name=model_name,
            features_only=True,
            pretrained=pretrained,
            out_indices=tuple(out_indices),
            output_stride=output_stride,
            init_cfg=init_cfg,
            **kwargs)
        self.model_name = model_name
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._drop_unused_blocks()
        if split_dilated:
            split_dilated_depthwise(self.timm_model)
        self.timm_model.to(memory_format=self.memory_format)
        self._frozen = self._stages_to_freeze()
        for module in self._frozen:
            module.requires_grad_(False)
        self._cache = self._build_cache(feature_cache)

    def _build_cache(self, folder: Optional[str]) -> Optional[FeatureCache]:
        if folder in (None, '', 'none'):
            return None
        learned = [name for name, param in self.named_parameters() if param.requires_grad]
        if learned or not self.norm_eval:
            raise ValueError(
                f'feature_cache={folder!r} keeps features of a trunk that never changes, but '
                f'{learned[0] if learned else "its batch norm statistics"} would; set '
                f'frozen_stages={max(self.timm_model.feature_info.out_indices)} and '
                'norm_eval=True, or feature_cache=None')
        return FeatureCache(folder)

    def _drop_unused_blocks(self) -> None:
        """Remove the blocks of an EfficientNet-like net that no returned feature depends on."""
        stages = getattr(self.timm_model, '_stage_out_idx', None)
        if stages:
            self.timm_model.blocks = self.timm_model.blocks[:max(stages)]

    def _stages_to_freeze(self) -> List[nn.Module]:
        """Modules up to and including the one that makes feature ``frozen_stages``."""
        if self.frozen_stages < 0:
            return []
        features = {info['index']: info['module'] for info in self.timm_model.feature_info.info}
        modules: Dict[str, nn.Module] = {}
        for name, child in self.timm_model.named_children():
            if name == 'blocks':
                modules.update({f'blocks.{i}': block for i, block in enumerate(child)})
            else:
                modules[name] = child
        last = features.get(self.frozen_stages)
        if last not in modules:
            raise ValueError(
                f'frozen_stages={self.frozen_stages} is not a feature that {self.model_name} '
                f'computes here; choose -1 (none) or one of '
                f'{[i for i, name in features.items() if name in modules]}')
        names = list(modules)
        return [modules[name] for name in names[:names.index(last) + 1]]

    def stage(self, index: int) -> Tuple[nn.Sequential, int]:
        """The blocks that end with timm's feature ``index``, and the channels of that feature.

        Raises:
            ValueError: no such feature is computed here, or it is not the output of a sequence of
                blocks, to which something could be appended.
        """
        info = {entry['index']: entry for entry in self.timm_model.feature_info.info}.get(index)
        module = dict(self.timm_model.named_modules()).get(info['module']) if info else None
        if not isinstance(module, nn.Sequential):
            raise ValueError(
                f'{self.model_name}: feature {index} is not the output of a sequence of blocks '
                'that is computed here, so no module can be put at its end')
        return module, info['num_chs']

    def init_weights(self) -> None:
        """Load a timm checkpoint if ``init_cfg`` names one, else MMEngine's initialisation."""
        if isinstance(self.init_cfg, dict) and self.init_cfg.get('type') == 'Pretrained':
            if not self._is_init:
                self._load_timm_checkpoint(self.init_cfg['checkpoint'])
                self._is_init = True
        else:
            super().init_weights()

    def _load_timm_checkpoint(self, checkpoint: str) -> None:
        path = Path(checkpoint).expanduser()
        if not path.is_file():
            raise FileNotFoundError(
                f'ImageNet weights of {self.model_name} not found: {path}. For '
                f'tf_efficientnet_lite0 make them with: {_CONVERT} {path}')
        state = torch.load(path, map_location='cpu', weights_only=True)
        state = state.get('state_dict', state)
        own = self.timm_model.state_dict()
        # Files of before PyTorch 0.4.1 have no counter of batches; evaluation does not need it.
        missing = [key for key in own if key not in state
                   and not key.endswith('num_batches_tracked')]
        wrong = [key for key in own if key in state and state[key].shape != own[key].shape]
        if missing or wrong:
            raise ValueError(
                f'{path} does not fit {self.model_name}: {len(missing)} weights are missing and '
                f'{len(wrong)} have another shape, first {(missing + wrong)[:3]}. Give a timm '
                'checkpoint of this very model.')
        self.timm_model.load_state_dict(
            {key: state[key] for key in own if key in state}, strict=False)
        print_log(f'{self.model_name}: loaded {len(own)} tensors from {path}', logger='current')

    def train(self, mode: bool = True) -> 'FrozenTIMMBackbone':
        """Set the mode; frozen stages, and batch norm with ``norm_eval``, stay in eval mode."""
        super().train(mode)
        if mode:
            for module in self._frozen:
                module.eval()
            if self.norm_eval:
                for module in self.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()
        return self

    def forward(self, x: Tensor) -> List[Tensor]:
        """Features of ``out_indices``, from high to low resolution."""
        # Before train() or eval() is called, the trunk is not yet in the state that is kept.
        frozen = not x.requires_grad and not any(module.training for module in self._frozen)
        if self._cache is None or not frozen:
            return self._compute(x)
        return self._cache.features(self.timm_model, x, self._compute)

    def _compute(self, x: Tensor) -> List[Tensor]:
        return self.timm_model(x.contiguous(memory_format=self.memory_format))
