"""Mean average precision of the classes that the validation images have."""
from typing import Dict, List

import torch
from mmengine.registry import METRICS
from mmpretrain.evaluation import AveragePrecision


@METRICS.register_module()
class PresentClassAveragePrecision(AveragePrecision):
    """``AveragePrecision`` of MMPreTrain whose mean leaves out classes that no image has.

    MMPreTrain gives such a class an average precision of 0, so that the mAP of a small validation
    set says how many classes it lacks. Where each class occurs, both are equal.

    Args:
        average (str | None): 'macro' for ``multi-label/mAP`` in % (``nan`` if no class occurs),
            None for ``multi-label/AP_classwise``, in which absent classes are ``nan``.
        collect_device, prefix: as for ``AveragePrecision``.
    """

    def compute_metrics(self, results: List[dict]) -> Dict[str, object]:
        """mAP or AP of the classes, over all processes."""
        target = torch.stack([result['gt_score'] for result in results])
        scores = torch.stack([result['pred_score'] for result in results])
        precisions = self.calculate(scores, target, average=None)
        present = (target == 1).any(dim=0)
        if self.average is None:
            absent = precisions.new_tensor(float('nan'))
            return dict(AP_classwise=torch.where(present, precisions, absent).tolist())
        return dict(mAP=precisions[present].mean().item())
