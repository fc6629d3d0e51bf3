"""CAM classifier whose head may look at an image's labels when it makes maps."""
from typing import List, Optional

from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.models.map_settings import own_settings

from .cam_classifier import CAMClassifier


@MODELS.register_module()
class PGNNClassifier(CAMClassifier):
    """:class:`CAMClassifier` for :class:`PGNNHead`; same arguments.

    Maps of training images may be made with their class embedded and with siblings of that class.
    Scores never are; samples get ``embedding_leak``: whether an absent class, embedded, is
    predicted (see :class:`EmbeddingLeak`).
    """

    def extract_feat(self, inputs: Tensor, *args, **kwargs):
        """See mmpretrain's ``ImageClassifier``; the head places boxes by the images' size, which
        differs with the scale of the test."""
        self.head.input_size = tuple(inputs.shape[-2:])
        return super().extract_feat(inputs, *args, **kwargs)

    def maps_source(self) -> dict:
        """See :meth:`CAMClassifier.maps_source`; and how patches and groups are made.

        The file of proposals is the pipeline's and not known here: maps of other boxes need
        another store.
        """
        # Below by what they come to: the head has them also where they have no effect.
        grouping = ('patches', 'max_boxes', 'inference', 'group_size', 'groupings')
        source = {name: value for name, value in super().maps_source().items()
                  if name not in [f'head.{option}' for option in grouping]}
        groups = dict(inference=self.head.inference)
        if self.head.graph is not None:
            boxes = self.head.max_boxes
            groups.update(patches=self.head.patches**2 if boxes is None else f'{boxes} boxes')
            groups.update({f'head.graph.{name}': value
                           for name, value in own_settings(self.head.graph).items()})
        if self.head.inference == 'group':
            groups.update(group_size=self.head.group_size, groupings=self.head.groupings)
        return dict(**source, **groups)

    def predict(self,
                inputs: Tensor,
                data_samples: Optional[List[DataSample]] = None,
                cam: Optional[dict] = None) -> List[DataSample]:
        """See :meth:`CAMClassifier.predict`."""
        with self.head.labelled(data_samples):
            return super().predict(inputs, data_samples, cam)
