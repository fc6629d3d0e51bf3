"""A test loop over activation maps that are on disk already.

It stands here, with the writers that it feeds, since nothing in ``mmwsss.models`` opens files.
"""
from pathlib import Path
from typing import List, Optional, Sequence

import torch
from mmengine.model import BaseModel
from mmengine.registry import MODEL_WRAPPERS, MODELS
from mmengine.structures import BaseDataElement
from torch import nn

from mmwsss.labels import ActivationStore, stored_maps


@MODELS.register_module()
class StoredActivations(BaseModel):
    """Gives the maps of a store as if a classifier had just made them.

    It has no parameters; its test step looks up each sample's ``image_id`` (else the file name of
    ``img_path``) and adds ``activations`` (K, H, W), 0 to 1, at the size of the image,
    ``activation_classes`` (K,) and ``ori_shape``. Images themselves are not looked at, so the
    pipeline may be ``PackInputs`` alone. An image that the store lists as unreadable gets the
    field ``unreadable`` instead; writers and metrics leave it out.

    Under a launcher set ``model_wrapper_cfg=dict(type='ParameterFreeWrapper')``, for
    DistributedDataParallel refuses a model without parameters.

    Args:
        store (str): folder of an :class:`mmwsss.labels.ActivationStore`.

    Raises:
        FileNotFoundError: there is no store, when its first image is wanted.
        ValueError: the store lacks an image, or its file is damaged.
    """

    def __init__(self, store: str, data_preprocessor: Optional[dict] = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.folder = store
        self._store: Optional[ActivationStore] = None

    @property
    def store(self) -> ActivationStore:
        """The store, opened at first use."""
        if self._store is None:
            self._store = ActivationStore(self.folder)
        return self._store

    def maps_source(self) -> dict:
        """What the maps come from, for :class:`LabelWriter`."""
        return stored_maps.maps_source(self.store)

    def class_problems(self, classes: Sequence[str]) -> List[str]:
        """What is wrong with the store, for :class:`PreflightHook`."""
        try:
            return stored_maps.class_problems(self.store, classes, 'model.store')
        except (FileNotFoundError, ValueError) as error:
            return [str(error)]

    def check_images(self, ids: Sequence[str]) -> None:
        """Raise ``ValueError`` if the store lacks maps of some of these images."""
        stored_maps.check_images(self.store, ids)

    def forward(self, inputs=None, data_samples: Optional[list] = None, mode: str = 'predict'
                ) -> List[BaseDataElement]:
        """Add the maps to samples; nothing else is possible."""
        if mode != 'predict':
            raise ValueError(f'stored activation maps cannot do mode={mode!r}: they are for test '
                             'loops')
        return [self._filled(sample) for sample in data_samples]

    def val_step(self, data: dict) -> List[BaseDataElement]:
        """The same as :meth:`test_step`."""
        return self.test_step(data)

    def test_step(self, data: dict) -> List[BaseDataElement]:
        """The samples of a batch with their maps."""
        return self(data_samples=data['data_samples'])

    def _filled(self, sample: BaseDataElement) -> BaseDataElement:
        image_id = sample.get('image_id') or Path(sample.get('img_path', '')).stem
        if not image_id:
            raise ValueError('a test sample has neither image_id nor img_path, by which its maps '
                             'are found: add them to meta_keys of PackInputs')
        if image_id not in self.store:
            return self._left_out(sample, image_id)
        classes, maps = self.store.read(image_id)
        device = self.data_preprocessor.device
        sample.set_field(maps.to(device), 'activations')
        sample.set_field(torch.tensor(classes, dtype=torch.long, device=device),
                         'activation_classes')
        sample.set_metainfo(dict(image_id=image_id, ori_shape=tuple(maps.shape[1:])))
        return sample

    def _left_out(self, sample: BaseDataElement, image_id: str) -> BaseDataElement:
        reason = self.store.unreadable().get(image_id)
        if reason is None:
            raise ValueError(f'{image_id!r} has no activation maps in {self.folder}: extract them '
                             'first (the extraction goes on where it stopped)')
        sample.set_metainfo(dict(image_id=image_id, unreadable=reason))
        return sample


@MODEL_WRAPPERS.register_module()
class ParameterFreeWrapper(nn.Module):
    """Stands for DistributedDataParallel around a model without parameters: nothing is synced.

    Args:
        module (nn.Module): the model.
        kwargs: of DistributedDataParallel; not used.

    Raises:
        ValueError: the model has parameters to be trained, which would drift apart.
    """

    def __init__(self, module: nn.Module, **kwargs) -> None:
        super().__init__()
        if any(parameter.requires_grad for parameter in module.parameters()):
            raise ValueError(f'{type(module).__name__} has parameters to be trained: remove '
                             'model_wrapper_cfg from the config')
        self.module = module

    def forward(self, *args, **kwargs):
        """The model's."""
        return self.module(*args, **kwargs)

    def val_step(self, data: dict) -> list:
        """The model's."""
        return self.module.val_step(data)

    def test_step(self, data: dict) -> list:
        """The model's."""
        return self.module.test_step(data)
