import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from mmwsss.models.heads import ReCAMHead, class_feature_logits, class_feature_loss

TARGETS = [[1., 0, 1, 0], [0., 1, 0, 0], [1., 1, 1, 1]]


def literal_loss(x, classifier, predictor, targets):
    """ReCAM with the whole (B, C, D, N) tensor, image by image and class by class."""
    cam = F.conv2d(x, classifier).relu().flatten(2)
    cam = cam / (cam.max(dim=-1, keepdim=True).values + 1e-5)
    features = (cam[:, :, None] * x.flatten(2)[:, None]).mean(dim=-1)
    total = 0
    for feature_cd, target in zip(features, targets):
        losses = []
        for c in range(len(target)):
            if target[c]:
                logits = predictor[:, :, 0, 0] @ feature_cd[c]
                losses.append(F.cross_entropy(logits[None], torch.tensor([c])))
        total = total + sum(losses) / len(losses)
    return total / len(x)


@pytest.fixture
def case():
    head = ReCAMHead(4, 6, loss_sce_weight=0.5).double()
    x = torch.randn(3, 6, 5, 7, dtype=torch.float64, requires_grad=True)
    return head, x


def test_loss_and_gradients_equal_the_literal_form(case):
    head, x = case
    targets = torch.tensor(TARGETS, dtype=torch.float64)
    parameters = [x, head.classifier.weight, head.predictor.weight]
    ours = head.loss_by_maps(x, targets)['loss_sce']
    literal = 0.5 * literal_loss(x, head.classifier.weight, head.predictor.weight, TARGETS)
    torch.testing.assert_close(ours, literal.float())
    for mine, theirs in zip(torch.autograd.grad(ours, parameters),
                            torch.autograd.grad(literal, parameters)):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-9)


def test_logits_equal_the_literal_form_exactly(case):
    head, x = case
    maps = head.classifier(x)
    cam = maps.relu().flatten(2)
    cam = cam / (cam.amax(-1, keepdim=True) + 1e-5)
    features = (cam[:, :, None] * x.flatten(2)[:, None]).mean(dim=-1)
    torch.testing.assert_close(class_feature_logits(maps, head.predictor(x)),
                               features @ head.predictor.weight[:, :, 0, 0].T)


def test_no_tensor_holds_channels_times_classes():
    """What autograd keeps is (B, C, N) and (B, D, N), never (B, C, D) or larger."""
    batch, classes, channels, height = 2, 6, 64, 3
    head = ReCAMHead(classes, channels)
    x = torch.randn(batch, channels, height, height, requires_grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t,
                                                  lambda t: t):
        head.loss_by_maps(x, torch.ones(batch, classes))
    assert max(saved) == x.numel() < batch * classes * channels * height**2
    assert saved.count(x.numel()) == 1  # both classifiers read the features in one convolution


def test_loss_has_classification_part_and_skips_images_without_class(case):
    head, x = case
    targets = torch.tensor([[1., 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.float64)
    losses = head.loss_by_maps(x, targets)
    torch.testing.assert_close(
        losses['loss_cls'],
        F.multilabel_soft_margin_loss(head((x, )), targets))
    logits = class_feature_logits(head.classifier(x), head.predictor(x))
    filled = class_feature_loss(logits[[0, 2]], targets[[0, 2]])
    torch.testing.assert_close(losses['loss_sce'], 0.5 * filled * 2 / 3)
    assert torch.isfinite(losses['loss_sce'])


def test_all_negative_map_is_finite():
    x = torch.ones(1, 6, 3, 3, requires_grad=True)
    head = ReCAMHead(4, 6)
    torch.nn.init.constant_(head.classifier.weight, -1.0)
    loss = head.loss_by_maps(x, torch.tensor([[1., 0, 0, 0]]))['loss_sce']
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(x.grad).all()


@pytest.mark.parametrize('cam_weights', ['product', 'classifier', 'predictor'])
def test_cam_weights(cam_weights):
    head = MODELS.build(
        dict(type='ReCAMHead', num_classes=4, in_channels=6, cam_weights=cam_weights))
    x = torch.randn(2, 6, 3, 5)
    main, predictor = head.classifier.weight, head.predictor.weight
    weight = dict(product=main * predictor, classifier=main, predictor=predictor)[cam_weights]
    expected = torch.einsum('cd,bdhw->bchw', weight[:, :, 0, 0], x)
    torch.testing.assert_close(head.activation_maps((x, )), expected)


def test_starts_from_a_gcn_checkpoint():
    from mmwsss.models.heads import GCNClsHead
    stage1 = GCNClsHead(20, 6, hidden_channels=4)
    head = ReCAMHead(20, 6)
    result = head.load_state_dict(stage1.state_dict(), strict=False)
    assert result.missing_keys == ['predictor.weight']
    torch.testing.assert_close(head.classifier.weight, stage1.classifier.weight)


def test_loss_through_data_samples():
    head = ReCAMHead(4, 6)
    x = torch.randn(1, 6, 3, 3)
    losses = head.loss((x, ), [DataSample().set_gt_label([1, 3])])
    assert set(losses) == {'loss_cls', 'loss_sce'}


def test_bad_options():
    with pytest.raises(ValueError, match='cam_weights'):
        ReCAMHead(4, 6, cam_weights='sum')
    with pytest.raises(ValueError, match='loss_sce_weight'):
        ReCAMHead(4, 6, loss_sce_weight=-1)
    for source in ('product', 'predictor'):
        with pytest.raises(ValueError, match='never trains'):
            ReCAMHead(4, 6, loss_sce_weight=0, cam_weights=source)


def test_one_class_has_maps_of_the_classifier_alone():
    for source in ('product', 'predictor'):
        with pytest.raises(ValueError, match=f"=1: .*'{source}'.*set cam_weights='classifier'"):
            ReCAMHead(1, 6, cam_weights=source)
    head = ReCAMHead(1, 6, cam_weights='classifier')
    losses = head.loss_by_maps(torch.randn(2, 6, 3, 3), torch.tensor([[1.], [0.]]))
    sum(losses.values()).backward()
    assert losses['loss_sce'] == 0 and not head.predictor.weight.grad.any()  # why it is refused
    assert head.classifier.weight.grad.any()
