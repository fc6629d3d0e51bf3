import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from mmwsss.models.heads import CAMHead


def samples(*labels, num_classes=4):
    made = []
    for label in labels:
        score = torch.zeros(num_classes)
        score[list(label)] = 1
        made.append(DataSample(metainfo=dict(img_path='a.jpg')).set_gt_score(score))
    return made


def test_loss_is_multilabel_soft_margin():
    head = CAMHead(4, 6, pooling='lse')
    x = torch.randn(3, 6, 5, 5)
    data = samples([0, 2], [1], [])
    loss = head.loss((torch.zeros(1), x), data)['loss_cls']
    targets = torch.tensor([[1., 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    torch.testing.assert_close(loss, F.multilabel_soft_margin_loss(head((x, )), targets))


def test_labels_may_be_indices():
    head = CAMHead(4, 6)
    x = torch.randn(2, 6, 3, 3)
    by_index = [DataSample().set_gt_label([0, 2]), DataSample().set_gt_label([])]
    assert head.targets(by_index).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(
        head.loss((x, ), by_index)['loss_cls'], head.loss((x, ), samples([0, 2], []))['loss_cls'])


def test_predict():
    head = MODELS.build(dict(type='CAMHead', num_classes=4, in_channels=6, thr=0.5))
    x = torch.randn(2, 6, 3, 3)
    made = head.predict((x, ))
    given = samples([0], [1])
    assert head.predict((x, ), given)[0] is given[0]
    for sample, logits in zip(made, head((x, ))):
        torch.testing.assert_close(sample.pred_score, logits.sigmoid())
        assert sample.pred_label.tolist() == (logits >= 0).nonzero()[:, 0].tolist()


def test_errors_name_what_is_wrong():
    head = CAMHead(4, 6)
    x = torch.randn(1, 6, 3, 3)
    with pytest.raises(ValueError, match=r'\(1, 6\).*pooling necks'):
        head((torch.zeros(1, 6), ))
    with pytest.raises(ValueError, match='in_channels'):
        head((torch.zeros(1, 5, 2, 2), ))
    with pytest.raises(ValueError, match='b.jpg has no image-level labels'):
        head.loss((x, ), [DataSample(metainfo=dict(img_path='b.jpg'))])
    with pytest.raises(ValueError, match='a.jpg has labels for 3 classes'):
        head.loss((x, ), samples([0], num_classes=3))
    with pytest.raises(ValueError, match=r'\[4\]'):
        head.loss((x, ), [DataSample().set_gt_label([4])])
    with pytest.raises(ValueError, match='num_classes'):
        CAMHead(0, 6)
