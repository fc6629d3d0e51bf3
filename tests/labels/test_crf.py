"""Dense CRF: mean field written out, and the compiled original."""
import numpy as np
import pytest
import torch
from PIL import Image

from mmwsss.labels import CRF_PRESETS, CRFSettings, dense_crf
from mmwsss.labels.permutohedral import PermutohedralLattice


def scene(h=40, w=50, noise=8, seed=0):
    """A coloured disc on a background, and a label map that is off by four pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    disc = (y - h / 2) ** 2 + (x - w / 2) ** 2 < (h / 3) ** 2
    image = np.where(disc[..., None], (200, 60, 40), (60, 120, 160)) + rng.normal(
        0, noise, (h, w, 3))
    shifted = np.roll(disc, 4, axis=1)
    return image.clip(0, 255).astype(np.uint8), disc, shifted.astype(np.uint8) * 15


def probabilities(c=4, h=40, w=50, seed=0):
    logits = torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (c, h // 4, w // 4)))
    logits = torch.nn.functional.interpolate(logits[None], size=(h, w), mode='bilinear')[0]
    return logits.softmax(dim=0).float()


def literal_mean_field(image, unary_energy, settings):
    """Algorithm 1, with the kernels as dense matrices."""
    k, h, w = unary_energy.shape
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
    position = torch.stack([x, y], dim=-1).reshape(-1, 2).float()
    colour = torch.from_numpy(image).reshape(-1, 3).float()
    kernels = []
    for weight, features in (
            (settings.gaussian_weight, position / settings.gaussian_xy),
            (settings.bilateral_weight, torch.cat([position / settings.bilateral_xy,
                                                   colour / settings.bilateral_rgb], dim=1))):
        matrix = PermutohedralLattice(features).filter(torch.eye(h * w))
        scale = matrix.sum(dim=1).rsqrt()
        kernels.append(weight * scale[:, None] * matrix * scale[None, :])
    energy = unary_energy.reshape(k, -1).T
    q = torch.softmax(-energy, dim=1)
    for _ in range(settings.iterations):
        message = sum(kernel @ q for kernel in kernels)
        pairwise = message.sum(dim=1, keepdim=True) - message  # Potts: all the other classes
        q = torch.softmax(-energy - pairwise, dim=1)
    return q.T.reshape(k, h, w)


def test_equals_mean_field_written_out():
    image, _, _ = scene(16, 20)
    p = probabilities(3, 16, 20)
    settings = CRFSettings(3, 3, 30, 10, 5, iterations=4)
    expected = literal_mean_field(image, -p.log(), settings)
    got = dense_crf(image, p, settings, min_probability=0)
    assert (got - expected).abs().max() < 1e-4


@pytest.mark.parametrize('preset', sorted(CRF_PRESETS))
def test_equals_the_compiled_original(preset):
    pytest.importorskip('pydensecrf')
    image, _, _ = scene(60, 80, noise=25)
    p = probabilities(5, 60, 80)
    ours = dense_crf(image, p, preset)
    theirs = dense_crf(image, p, preset, backend='pydensecrf2')
    assert (ours - theirs).abs().max() < 1e-3
    assert (ours.argmax(0) == theirs.argmax(0)).float().mean() > 0.999


def test_equals_the_compiled_original_on_photographs(shared_data):
    pytest.importorskip('pydensecrf')
    folder = shared_data / 'voc_fullres/VOCdevkit/VOC2012'
    for path in sorted((folder / 'SegmentationClassAug').glob('*.png'))[:2]:
        image = np.array(Image.open(folder / f'JPEGImages/{path.stem}.jpg').convert('RGB'))
        mask = np.array(Image.open(path))
        coarse = Image.fromarray(np.where(mask == 255, 0, mask)[8::16, 8::16])
        labels = np.array(coarse.resize(mask.shape[::-1], Image.Resampling.NEAREST))
        ours = dense_crf(image, labels)
        assert (ours == dense_crf(image, labels, backend='pydensecrf2')).mean() >= 0.995


def test_labels_move_to_the_colours_edge():
    image, disc, shifted = scene()
    settings = CRFSettings(3, 3, 30, 13, 10)
    refined = dense_crf(image, shifted, settings)
    assert refined.dtype == np.uint8 and set(np.unique(refined)) == {0, 15}
    before, after = ((labels == 15) == disc for labels in (shifted, refined))
    assert after.mean() > 0.99 > before.mean()


def test_unknown_pixels_are_filled_in():
    image, disc, _ = scene()
    labels = np.full(disc.shape, 255, np.uint8)
    labels[18:22, 20:30] = 15
    labels[:3] = labels[-3:] = 0
    refined = dense_crf(image, labels, CRFSettings(3, 3, 30, 13, 10))
    assert ((refined == 15) == disc).mean() > 0.99


def test_classes_carried_are_those_asked_for():
    image, _, shifted = scene()
    two = dense_crf(image, shifted)
    assert np.array_equal(two, dense_crf(image, shifted, classes=[15, 0]))
    three = dense_crf(image, torch.from_numpy(shifted), classes=[0, 3, 15])
    assert isinstance(three, torch.Tensor) and three.dtype == torch.uint8
    with pytest.raises(ValueError, match='must lie in the classes carried'):
        dense_crf(image, shifted, classes=[0, 3])


@pytest.mark.parametrize('backend', ['torch', 'pydensecrf2'])
def test_several_maps_of_an_image_share_its_lattice(backend, monkeypatch):
    if backend == 'pydensecrf2':
        pytest.importorskip('pydensecrf')
    image, _, shifted = scene(44, 52, noise=20)
    several = np.stack([shifted, np.roll(shifted, 9, axis=0), np.full_like(shifted, 255)])
    several[1, :9, 5:30] = 3
    several[2, 20:30, 20:30], several[2, :5] = 15, 0
    apart = [dense_crf(image, labels, classes=[0, 3, 15], backend=backend) for labels in several]
    assert all((labels != given).any() for labels, given in zip(apart, several))
    made = []

    class Counted(PermutohedralLattice):
        def __init__(self, features):
            made.append(features.shape[1])
            super().__init__(features)

    monkeypatch.setattr('mmwsss.labels.crf.PermutohedralLattice', Counted)
    together = dense_crf(image, several, classes=[0, 3, 15], backend=backend)
    assert together.shape == several.shape and together.dtype == np.uint8
    assert np.array_equal(together, np.stack(apart))
    assert made == ([5] if backend == 'torch' else [])  # once, and the positions' is kept


@pytest.mark.parametrize('value', [0, 7, 255])
def test_one_class_or_none_stays(value):
    image, _, _ = scene()
    labels = np.full((40, 50), value, np.uint8)
    labels[0, 0] = 255
    expected = np.full((40, 50), value, np.uint8)
    assert np.array_equal(dense_crf(image, labels), expected)


def test_improbable_classes_are_left_out_and_the_rest_is_nearly_the_same():
    image, _, _ = scene()
    p = probabilities(4)
    many = torch.cat([p * 0.999, torch.full((17, 40, 50), 0.001 / 17)])
    few = dense_crf(image, many)
    assert few.shape == (21, 40, 50) and few[4:].abs().max() == 0
    assert torch.allclose(few.sum(dim=0), torch.ones(40, 50), atol=1e-5)
    every = dense_crf(image, many, min_probability=0)
    assert every[4:].max() > 0
    assert (every.argmax(0) == few.argmax(0)).float().mean() > 0.999


def test_a_class_that_is_the_most_probable_somewhere_is_carried():
    image, _, _ = scene()
    flat = torch.full((200, 40, 50), 1 / 200)
    flat[7, 3, 3] += 1e-4
    assert dense_crf(image, flat)[7].max() > 0


def test_no_iterations_or_no_terms_give_the_unary():
    image, _, _ = scene()
    p = probabilities()
    assert torch.allclose(dense_crf(image, p, CRFSettings(3, 3, 50, 5, 10, iterations=0)), p,
                          atol=1e-5)
    assert torch.allclose(dense_crf(image, p, CRFSettings(3, 0, 50, 5, 0)), p, atol=1e-5)


def test_arrays_give_arrays_and_inputs_stay():
    image, _, _ = scene()
    p = probabilities().numpy()
    before = p.copy(), image.copy()
    result = dense_crf(image, p)
    assert isinstance(result, np.ndarray) and result.dtype == np.float32
    assert np.array_equal(p, before[0]) and np.array_equal(image, before[1])
    assert np.allclose(result, dense_crf(torch.from_numpy(image), torch.from_numpy(p)).numpy())


IMAGE = np.zeros((6, 8, 3), np.uint8)
LABELS = np.array([[0, 1] * 4] * 6)


@pytest.mark.parametrize('arguments, message', [
    (dict(image=np.zeros((8, 6, 3), np.uint8)), r'image is \(8, 6\) .* refine is \(6, 8\)'),
    (dict(image=IMAGE.astype(float)), 'image must be uint8'),
    (dict(image=IMAGE[..., 0]), 'image must be uint8'),
    (dict(unary=np.full((2, 6, 8), np.nan)), 'finite and ≥ 0'),
    (dict(unary=np.full((2, 6, 8), -1.)), 'softmax to logits first'),
    (dict(unary=np.ones((6, 8))), 'finite and ≥ 0'),
    (dict(unary=LABELS[None, None]), r'label map must be \(H, W\)'),
    (dict(unary=LABELS - 1), 'must lie in the classes carried'),
    (dict(label_probability=1.), 'label_probability must lie between 1/K'),
    (dict(label_probability=0.5), 'label_probability must lie between 1/2'),
    (dict(settings='voc'), "no CRF preset 'voc'"),
    (dict(backend='cuda'), "no CRF backend 'cuda'"),
])
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        dense_crf(**{**dict(image=IMAGE, unary=LABELS), **arguments})


@pytest.mark.parametrize('change', [dict(gaussian_xy=0), dict(bilateral_rgb=-1),
                                    dict(iterations=-1), dict(iterations=1.5)])
def test_bad_settings(change):
    with pytest.raises(ValueError):
        CRFSettings(**{**dict(gaussian_xy=3, gaussian_weight=3, bilateral_xy=50, bilateral_rgb=5,
                              bilateral_weight=10), **change})


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr('mmwsss.labels.crf.find_spec', lambda name: None)
    with pytest.raises(ImportError, match="pip install pydensecrf2 .*backend='torch'"):
        dense_crf(IMAGE, LABELS, backend='pydensecrf2')


@pytest.mark.cuda
def test_gpu_equals_cpu():
    image, _, _ = scene()
    p = probabilities()
    on_gpu = dense_crf(image, p.cuda())
    assert on_gpu.is_cuda and (on_gpu.cpu() - dense_crf(image, p)).abs().max() < 1e-3
