"""Dense CRF (or a cheaper refiner) after any segmentor, inside the test loop.

C: classes, H, W: size of the image as it was read.
"""
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.model import BaseTTAModel
from mmengine.registry import MODELS, TRANSFORMS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmwsss.labels import build_refiner

SCORES = (None, 'logits', 'probabilities')


@MODELS.register_module()
class SegCRFModel(BaseTTAModel):
    """Refines what a segmentor predicts along the colours of the image, at test time.

    Image by image as the test loop goes: nothing is written, and only the classes that are
    probable somewhere are carried. Takes the place of ``SegTTAModel``, whose averaging of
    augmented predictions it does too, before the CRF: it may stand as ``tta_model`` in a config
    of mmseg, with the plain or an augmenting pipeline as ``tta_pipeline``. Checkpoints load as
    into the segmentor itself.

    The results hold ``pred_sem_seg``; ``seg_logits``, which no longer belong to it, are taken out.

    Args:
        module (dict | nn.Module): a segmentor whose results hold ``seg_logits`` (C, H, W).
        data_preprocessor (dict | nn.Module, optional): of the segmentor, if its config has none.
        crf (dict | str): as :func:`mmwsss.labels.build_refiner` takes it; the preset is
            ``'deeplab'`` unless named.
        min_probability (float): a class that reaches this nowhere and is nowhere the most
            probable is left out; 0 carries all classes. Defaults to 0.01.
        scores (str, optional): what ``seg_logits`` hold. ``'logits'``: the softmax is taken.
            ``'probabilities'``: they are divided by their sum (mask classification heads).
            Default None: logits, and refused where none is negative. A segmentor with one output
            channel gives probabilities of the foreground, which need no ``scores``.
        image_loader (dict): transform that reads the image from ``img_path``; the pipeline's own.
            Defaults to ``dict(type='LoadImageFromFile')``.

    Raises:
        ValueError: bad settings; a sample without ``img_path`` or ``seg_logits``, scores that are
            no logits, an image of another size than the scores; names the image.
    """

    def __init__(self, module: Union[dict, nn.Module],
                 data_preprocessor: Union[dict, nn.Module, None] = None,
                 crf: Union[dict, str] = 'deeplab', min_probability: float = 0.01,
                 scores: Optional[str] = None, image_loader: Optional[dict] = None) -> None:
        if scores not in SCORES:
            raise ValueError(f'scores={scores!r} is unknown; use one of {SCORES}')
        if not 0 <= min_probability < 1:
            raise ValueError(f'min_probability must lie in [0, 1), got {min_probability}')
        refiner = build_refiner(crf if isinstance(crf, str) else {'preset': 'deeplab', **crf})
        super().__init__(module, data_preprocessor)
        self.refiner = refiner
        self.min_probability = min_probability
        self.scores = scores
        self.image_loader = TRANSFORMS.build(image_loader or dict(type='LoadImageFromFile'))

    def test_step(self, data: Any) -> List[SegDataSample]:
        """Refined results of a batch, plain or augmented (a list of images an augmentation)."""
        inputs = data['inputs'] if isinstance(data, dict) else data[0]
        if isinstance(inputs, (list, tuple)) and isinstance(inputs[0], (list, tuple)):
            return super().test_step(data)
        with torch.no_grad():
            return self.merge_preds([[sample] for sample in self.module.test_step(data)])

    def merge_preds(self, data_samples_list: Sequence[Sequence[SegDataSample]]
                    ) -> List[SegDataSample]:
        """One refined result for each image's list of augmented ones."""
        return [self._refine(samples) for samples in data_samples_list]

    def _refine(self, samples: Sequence[SegDataSample]) -> SegDataSample:
        result = samples[0]
        path = result.metainfo.get('img_path')
        if path is None or 'seg_logits' not in result:
            raise ValueError('a CRF needs results with seg_logits and img_path: use a segmentor, '
                             "and 'img_path' among the meta_keys of PackSegInputs")
        try:
            probabilities = sum(self._probabilities(sample.seg_logits.data) for sample in samples)
            refined = self.refiner.probabilities(self._image(path), probabilities / len(samples),
                                                 self.min_probability)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        channels = len(result.seg_logits.data)
        del result.seg_logits
        labels = self._foreground(refined) if channels == 1 else refined.argmax(0, keepdim=True)
        result.pred_sem_seg = PixelData(data=labels)
        return result

    def _probabilities(self, scores_chw: Tensor) -> Tensor:
        """(C, H, W), or (2, H, W) of a segmentor with one output channel."""
        scores_chw = scores_chw.detach().float()
        lowest, highest = float(scores_chw.min()), float(scores_chw.max())
        if len(scores_chw) == 1:
            # mmseg has applied the sigmoid when it chose the labels
            if not 0 <= lowest <= highest <= 1:
                raise ValueError('the one output channel must hold probabilities, got values from '
                                 f'{lowest:g} to {highest:g}')
            return torch.cat([1 - scores_chw, scores_chw])
        if self.scores == 'probabilities':
            if lowest < 0:
                raise ValueError(f"scores='probabilities' must not be negative, got {lowest:g}")
            return scores_chw / scores_chw.sum(dim=0).clamp(min=1e-12)
        if self.scores is None and lowest >= 0:
            raise ValueError(
                'no value of seg_logits is negative, as if they were probabilities or mask '
                "scores: set scores='probabilities' (or 'logits') of SegCRFModel; with "
                'tools/test.py by --crf-options')
        return scores_chw.softmax(dim=0)

    def _foreground(self, refined: Tensor) -> Tensor:
        threshold = getattr(getattr(self.module, 'decode_head', None), 'threshold', None)
        return (refined[1:] > (0.5 if threshold is None else threshold)).to(refined)

    def _image(self, path: str) -> np.ndarray:
        """(H, W, 3) uint8 as the pipeline reads it."""
        image = self.image_loader(dict(img_path=path))['img']
        if image.dtype != np.uint8 and 0 <= image.min() and image.max() <= 255:
            image = image.round().astype(np.uint8)
        return np.ascontiguousarray(image)


def use_crf(cfg: Any, crf: Optional[dict] = None,
            options: Optional[Dict[str, Any]] = None) -> None:
    """Put :class:`SegCRFModel` into a config for testing, around ``model`` or for ``tta_model``.

    Args:
        cfg (Config): changed in place. ``crf_model``, if there, holds arguments of the class.
        crf (dict, optional): refiner arguments, which go before those of ``crf_model``.
        options (dict, optional): the class's other arguments, in the same way.

    Raises:
        ValueError: the config's ``tta_model`` is in use and merges in its own way.
    """
    model = cfg.model
    if 'module' in model:  # put there for test time augmentation
        if model.type not in ('SegTTAModel', 'mmseg.SegTTAModel'):
            raise ValueError(f'a CRF after test time augmentation takes the place of SegTTAModel, '
                             f'but tta_model is {model.type}: leave out one of the two')
        model = model.module
    wrapper = dict(type='SegCRFModel')
    wrapper.update(cfg.get('crf_model') or {})
    refiner = wrapper.get('crf') or {}
    refiner = dict(preset=refiner) if isinstance(refiner, str) else dict(refiner)
    if crf and crf.get('preset', refiner.get('preset')) != refiner.get('preset'):
        refiner = {}
    wrapper.update(crf={**refiner, **(crf or {})}, **(options or {}))
    loader = _image_loader(cfg.get('test_dataloader', {}).get('dataset', {}))
    if loader:
        wrapper.setdefault('image_loader', loader)
    cfg.model = dict(wrapper, module=model)


def _image_loader(dataset: dict) -> Optional[dict]:
    """The first step of the pipeline, if it reads the image."""
    pipeline = dataset.get('pipeline') or [{}]
    name = str(pipeline[0].get('type', ''))
    return dict(pipeline[0]) if 'Load' in name and 'Image' in name else None
