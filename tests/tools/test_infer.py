"""Pictures of no data set: labels as the network says, files as their names say, ONNX alike."""
import importlib.util
import re
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

from mmwsss.engine import use_safe_loading
from mmwsss.engine.inference import find_images
from tests.paths import ROOT

CONFIG = str(ROOT / 'configs/grm/deeplabv2_r18_grm_toy.py')
CLASSES = tuple(f'class {k}' for k in range(21))


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A model with random weights that tells pixels apart, its checkpoint."""
    init_default_scope('mmseg')
    cfg = Config.fromfile(CONFIG)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    path = tmp_path_factory.mktemp('infer') / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict(),
                    meta=dict(dataset_meta=dict(classes=CLASSES), experiment_name='some_run')),
               path)
    return model, path


@pytest.fixture
def folder(tmp_path):
    rng = np.random.RandomState(0)
    (tmp_path / 'in/sub').mkdir(parents=True)
    blocks = rng.randint(0, 256, (3, 4, 3), np.uint8).repeat(32, 0).repeat(33, 1)
    Image.fromarray(blocks).save(tmp_path / 'in/a.png')
    Image.fromarray(blocks[:90, :, 0]).save(tmp_path / 'in/sub/grey.PNG')
    (tmp_path / 'in/notes.txt').write_text('no image')
    return tmp_path / 'in'


def in_network_order(rgb, axis=-1):
    """Networks without ``bgr_to_rgb`` see blue first, as files are loaded."""
    swapped = Config.fromfile(CONFIG).model.data_preprocessor.get('bgr_to_rgb', False)
    return rgb if swapped else np.flip(rgb, axis).copy()


def expected(model, path):
    """Slow and by hand: normalised RGB -> network -> enlarged scores -> the largest."""
    image = np.asarray(Image.open(path).convert('RGB')).astype(np.float32)
    image = in_network_order(image)
    preprocessor = model.data_preprocessor
    image = (image - preprocessor.mean.numpy().reshape(3)) / preprocessor.std.numpy().reshape(3)
    height, width = image.shape[:2]
    with torch.no_grad():
        padded = torch.from_numpy(image.transpose(2, 0, 1))[None]
        scores = model(padded, mode='tensor')
        scores = torch.nn.functional.interpolate(
            scores, (height, width), mode='bilinear', align_corners=model.align_corners)
    return scores[0].argmax(0).numpy()


def test_labels_are_what_the_network_says(trained, folder, tmp_path, capsys):
    model, checkpoint = trained
    out = tmp_path / 'out'
    assert tool('infer').main([CONFIG, str(checkpoint), str(folder), '--out', str(out),
                               '--device', 'cpu']) == 0
    for name, path in (('a', folder / 'a.png'), ('sub/grey', folder / 'sub/grey.PNG')):
        labels = np.asarray(Image.open(out / f'labels/{name}.png'))
        want = expected(model, path)
        assert labels.shape == want.shape and len(np.unique(want)) > 1
        assert (labels == want).mean() > 0.999  # equal scores may be rounded to either side
        assert (out / f'overlays/{name}.jpg').is_file()
        top = np.bincount(labels.ravel()).argmax()
        assert f'{name}: class {top} ' in capsys.readouterr().out if name == 'a' else True


def test_the_overlay_leaves_background_alone():
    image = np.full((2, 2, 3), 100, np.uint8)
    painted = tool('infer').overlay(image, np.array([[0, 1], [0, 2]], np.uint8), 0.5)
    assert (painted[:, 0] == 100).all()
    assert painted[0, 1].tolist() == [114, 50, 50]  # half of (128, 0, 0), half of 100
    assert painted[1, 1].tolist() == [50, 114, 50]


def test_a_broken_image_is_named_and_the_others_are_done(trained, folder, tmp_path, capsys):
    (folder / 'broken.jpg').write_bytes(b'\xff\xd8\xff\xe0 cut')
    code = tool('infer').main([CONFIG, str(trained[1]), str(folder), '--out', str(tmp_path / 'o'),
                               '--device', 'cpu'])
    told = capsys.readouterr()
    assert code == 1 and 'broken.jpg' in told.err and '2 of 3 images' in told.out
    assert not list((tmp_path / 'o').rglob('broken*'))


def test_files_of_one_stem_keep_their_suffix(tmp_path):
    for name in ('x.png', 'x.jpg', 'y.JPG', 'z.txt'):
        (tmp_path / name).write_bytes(b'')
    assert list(find_images(tmp_path)) == ['x.jpg', 'x.png', 'y']
    with pytest.raises(FileNotFoundError, match='no image or folder .*nothing'):
        find_images(tmp_path / 'nothing')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no image in'):
        find_images(tmp_path / 'empty')


@pytest.mark.parametrize('config, message', [
    ('configs/grm/deeplabv2_effnetlite0_aspp_vocmini.py', "not of this config.*'some_run'"),
    ('configs/recam/cam_r18_toy.py', 'no segmentor')])
def test_another_config_is_refused(trained, folder, tmp_path, capsys, config, message):
    code = tool('infer').main([str(ROOT / config), str(trained[1]), str(folder / 'a.png'),
                               '--out', str(tmp_path / 'o'), '--device', 'cpu'])
    err = capsys.readouterr().err
    assert code == 1 and re.search(message, err), err


def test_mmseg_apis_agree(trained, folder):
    from mmseg.apis import inference_model, init_model
    use_safe_loading()
    model = init_model(CONFIG, str(trained[1]), device='cpu')
    result = inference_model(model, str(folder / 'a.png')).pred_sem_seg.data[0].numpy()
    assert (result == expected(trained[0], folder / 'a.png')).mean() > 0.999
    assert tuple(model.dataset_meta['classes']) == CLASSES


def test_onnx_gives_the_scores_of_torch(trained, tmp_path, capsys):
    pytest.importorskip('onnx')
    runtime = pytest.importorskip('onnxruntime')
    model, checkpoint = trained
    path = tmp_path / 'model.onnx'
    sys.modules.pop('export_onnx', None)
    assert tool('export_onnx').main([CONFIG, str(checkpoint), str(path),
                                     '--size', '64', '96']) == 0
    assert '21 classes' in capsys.readouterr().out
    image = np.random.RandomState(1).randint(0, 256, (2, 3, 64, 96)).astype(np.float32)
    scores = runtime.InferenceSession(str(path)).run(None, dict(image=image))[0]
    preprocessor = model.data_preprocessor
    with torch.no_grad():
        seen = torch.from_numpy(in_network_order(image, axis=1))
        want = model((seen - preprocessor.mean) / preprocessor.std, mode='tensor')
        want = torch.nn.functional.interpolate(want, (64, 96), mode='bilinear',
                                               align_corners=model.align_corners).numpy()
    assert np.abs(scores - want).max() < 1e-4 * np.abs(want).max()
