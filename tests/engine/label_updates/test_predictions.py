"""What logits say, from whole images and from training, and that asking leaves no trace."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mmwsss.engine.label_updates.inference import mean_probability, undisturbed
from mmwsss.engine.label_updates.online import TrainingPredictions
from mmwsss.engine.label_updates.prediction import enlarge, probabilities, said
from mmwsss.models.segmentors import MSCEncoderDecoder


def test_said_against_pixel_by_pixel():
    logits = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0)) * 2
    for floor in (None, 0.6):
        result = said(probabilities(logits), floor)
        assert result.dtype == torch.uint8
        for b, y, x in np.ndindex(2, 3, 5):
            values = np.exp(logits[b, :, y, x].double().numpy())
            values /= values.sum()
            best = values.argmax()
            assert result[b, y, x] == (best if floor is None or values[best] >= floor else 0)


@pytest.mark.parametrize('threshold', [0.3, 0.5])
def test_one_map_is_foreground_above_its_threshold(threshold):
    logits = torch.tensor([-2., -0.5, 0.1, 3.]).view(1, 1, 1, 4)
    result = said(probabilities(logits), threshold=threshold)
    assert result.flatten().tolist() == [0, int(0.3775 > threshold), 1, 1]
    sure = said(probabilities(logits), 0.9, threshold)
    assert sure.flatten().tolist() == [0, 0, 0, 1]


def test_enlarged_as_in_the_loss():
    from mmseg.models.utils import resize
    logits = torch.randn(1, 2, 3, 4)
    assert torch.equal(enlarge(logits, (7, 9), True), resize(
        logits, size=(7, 9), mode='bilinear', align_corners=True))
    assert enlarge(logits, (3, 4)) is logits


class Random(nn.Module):
    """Draws numbers, and gives brightness as the logit of class 1."""

    def __init__(self):
        super().__init__()
        self.frozen, self.drop = nn.BatchNorm2d(3), nn.Dropout()

    def test_step(self, data):
        random.random(), np.random.rand(), torch.rand(3)
        assert not any(module.training for module in self.modules())
        image, about = data['inputs'][0].float(), data['data_samples'][0].metainfo
        logits = torch.stack([torch.zeros(image.shape[1:]), image.mean(0)])
        if about['flip']:
            logits = logits.flip(-1)
        logits = enlarge(logits[None], about['ori_shape'])[0]
        return [SimpleNamespace(seg_logits=SimpleNamespace(data=logits))]


def test_a_pass_leaves_modes_and_random_states_as_they_were():
    model = Random()
    model.train()
    model.frozen.eval()
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)
    expected = random.random(), np.random.rand(), torch.rand(1)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)
    with pytest.raises(KeyError), undisturbed(model):
        mean_probability(model, np.zeros((4, 6, 3), np.uint8), (1.0, ), False)
        assert not torch.is_grad_enabled()
        raise KeyError
    assert (random.random(), np.random.rand(), torch.rand(1)) == expected
    assert model.training and model.drop.training and not model.frozen.training


def test_mean_over_scales_and_mirroring():
    image = np.zeros((6, 8, 3), np.uint8)
    image[:, 5:] = 3
    with undisturbed(model := Random()):
        plain = mean_probability(model, image, (1.0, ), False)
        assert torch.allclose(mean_probability(model, image, (1.0, ), True), plain)
        both = mean_probability(model, image, (1.0, 0.5), False)
        half = mean_probability(model, image, (0.5, ), False)
    assert plain.shape == (2, 6, 8) and torch.allclose(both, (plain + half) / 2)
    assert torch.allclose(plain[1, :, 7], torch.tensor(3.).sigmoid())


class Head(nn.Module):
    num_classes = out_channels = 3

    def loss_by_feat(self, seg_logits, batch_data_samples):
        return dict(loss=len(batch_data_samples))


def model_with(head, cls=nn.Module):
    model = cls.__new__(cls)
    nn.Module.__init__(model)
    model.decode_head = head
    return model


def test_logits_are_caught_for_one_iteration_only():
    head, logits = Head(), torch.randn(2, 3, 4, 4, requires_grad=True)
    seen = TrainingPredictions(model_with(nn.ModuleList([Head(), head])))
    seen.start()
    assert head.loss_by_feat((torch.zeros(2, 3), logits), ['a', 'b']) == dict(loss=2)
    found, samples = seen.stop()
    assert torch.equal(found, logits) and not found.requires_grad and samples == ['a', 'b']
    assert 'loss_by_feat' not in vars(head)
    with pytest.raises(RuntimeError, match='was not called'):
        seen.stop()


def test_of_several_scales_the_maximum_counts():
    head = Head()
    seen = TrainingPredictions(model_with(head, MSCEncoderDecoder))
    large, small = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 2, 2)
    seen.start()
    for logits in (large, small):
        head.loss_by_feat(logits, ['s'])
    expected = torch.maximum(large, nn.functional.interpolate(small, size=(4, 4), mode='bilinear'))
    assert torch.equal(seen.stop()[0], expected)


def test_heads_without_one_logit_map_are_refused():
    with pytest.raises(ValueError, match="source='inference'"):
        TrainingPredictions(model_with(nn.Identity()))
    head = Head()
    seen = TrainingPredictions(model_with(head))
    seen.start()
    with pytest.raises(ValueError, match='2 of those that Head gives'):
        head.loss_by_feat([torch.zeros(1, 3, 2, 2)] * 2, [])


@pytest.mark.parametrize('count', [2, 21, 81, 254])
def test_ties_go_to_the_first_class_and_nothing_is_said_of_nan(count):
    levels = torch.randint(0, 4, (2, count, 5, 6)).float() / 4  # many ties
    levels[1, 0, 2, 3] = float('nan')
    result = said(levels)
    for image in range(2):
        for row in range(5):
            for column in range(6):
                pixel = levels[image, :, row, column].tolist()
                expected = pixel.index(max(pixel)) if pixel[0] == pixel[0] else 0
                assert result[image, row, column] == expected
