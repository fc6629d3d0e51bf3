"""Collects the patch nodes of the training images, so that maps can be made in groups."""
import copy
from typing import Any, Dict, Optional

import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS, HOOKS

from mmwsss.models.heads.node_bank import NodeBank


def sibling_images(cfg: Any) -> dict:
    """Config of the images that :class:`SiblingNodesHook` chooses from by default: the training
    set of ``cfg`` with the pipeline of its test set."""
    wanted = copy.deepcopy(cfg.train_dataloader.dataset)
    wanted.pipeline = copy.deepcopy(cfg.test_dataloader.dataset.pipeline)
    wanted.test_mode = True
    return wanted


@HOOKS.register_module()
class SiblingNodesHook(Hook):
    """Fills ``head.bank`` of :class:`PGNNHead` before validation and testing.

    Each training image goes once through the network, whole, at its own size and not mirrored,
    and its nodes are kept (before attention and class embedding; patches x channels numbers an
    image). The processes share the images and then have the nodes of all. Does nothing with
    ``inference='single'``.

    Args:
        dataset (dict, optional): config of the images to choose from. Default: the training set
            with the pipeline of the test set, whatever is stored already.
    """

    priority = 'NORMAL'

    def __init__(self, dataset: Optional[dict] = None) -> None:
        self.dataset = dataset

    def before_val_epoch(self, runner) -> None:
        self._fill(runner)

    def before_test_epoch(self, runner) -> None:
        self._fill(runner)

    def _fill(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if getattr(model.head, 'inference', 'single') != 'group':
            return
        dataset = DATASETS.build(self._dataset_of(runner))
        shares: Dict[str, tuple] = {}
        model.eval()  # the loop sets this mode only after its hooks
        for index in range(get_rank(), len(dataset), get_world_size()):
            sample = dataset[index]
            shares[sample['data_samples'].image_id] = self._nodes(model, sample)
        found: Dict[str, tuple] = {}
        for share in all_gather_object(shares):
            found.update(share)
        nodes, valid, classes = ({image_id: parts[i] for image_id, parts in found.items()}
                                 for i in range(3))
        model.head.bank = NodeBank(nodes, valid, classes,
                                   background_last=model.head.max_boxes is not None)
        runner.logger.info(f'nodes of {len(found)} images stand ready for groups')

    def _dataset_of(self, runner) -> dict:
        if self.dataset is not None:
            return copy.deepcopy(self.dataset)
        return sibling_images(runner.cfg)

    @staticmethod
    @torch.no_grad()
    def _nodes(model: Any, sample: dict) -> tuple:
        """Nodes (M, E) and which are valid (M,), on the CPU; classes of one image."""
        batch = model.data_preprocessor(dict(inputs=[sample['inputs']],
                                             data_samples=[sample['data_samples']]), False)
        x = model.head.last_map(model.extract_feat(batch['inputs']))
        patches = model.head.patches_of(x, batch['data_samples'])
        nodes, valid = model.head.graph.nodes(model.head.graph.embed(x).relu(), patches.masks)
        present = model.head.targets(batch['data_samples'])[0].nonzero()[:, 0].tolist()
        return nodes[0].float().cpu(), valid[0].cpu(), present
