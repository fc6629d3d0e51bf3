"""What can be found wrong before the first iteration, as functions that return problems.

Each returns a list of messages, empty if all is well: one message a problem, with the file or
value that is wrong and what to do about it. :class:`PreflightHook` runs them all and raises one
error, so that a user mends everything at once instead of restart by restart.
"""
import os.path as osp
import socket
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from mmengine.logging import print_log
from mmengine.runner import checkpoint as mm_checkpoint
from PIL import Image
from torch import nn

from mmwsss.datasets.classes import BACKGROUND
from mmwsss.datasets.transforms import check_label_values, read_image, read_label
from mmwsss.knowledge.names import match

from .safe_load import CheckpointError, cache_path, fetch, load_checkpoint_safely

# Heads whose target is not the class map: STDC's boundary head has 2 classes, edge or not.
_OTHER_TARGETS = ('STDCHead', )


class PreflightError(RuntimeError):
    """All that was found wrong before the run started."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        lines = [f'{i}. {p}' for i, p in enumerate(self.problems, 1)]
        count = '1 problem' if len(lines) == 1 else f'{len(lines)} problems'
        super().__init__('\n'.join([f'{count} found before the run started:'] + lines))


def check_num_classes(model: nn.Module, classes: Optional[Sequence[str]]) -> List[str]:
    """Every head must have as many classes as the data set.

    Args:
        model (nn.Module): A segmentor, whose ``decode_head`` and ``auxiliary_head`` are looked
            at, or a classifier with its ``head``.
        classes (sequence of str, optional): ``metainfo['classes']`` of the data set.
    """
    if classes is None:
        return []
    problems = []
    for name, head in _heads(model):
        num_classes = getattr(head, 'num_classes', None)
        if num_classes is None or type(head).__name__ in _OTHER_TARGETS:
            continue
        if num_classes != len(classes):
            problems.append(
                f'model.{name} has num_classes={num_classes}, but the data set has {len(classes)} '
                f'classes ({classes[0]} ... {classes[-1]}): set model.{name}.num_classes='
                f'{len(classes)}')
    return problems


def check_class_names(model: nn.Module, classes: Optional[Sequence[str]]) -> List[str]:
    """Class graphs in the model must know the data set's classes, in the same order.

    Args:
        model (nn.Module): Modules with ``class_names`` (the graph's nodes) are looked at; those
            with ``class_problems(classes)`` are asked, with the foreground classes.
        classes (sequence of str, optional): ``metainfo['classes']``, background included.
    """
    if classes is None:
        return []
    problems = [problem for name, module in model.named_modules()
                if getattr(module, 'class_names', None) is not None
                for problem in _compare_names(name, tuple(module.class_names), classes)]
    foreground = [c for c in classes if c != BACKGROUND]
    return problems + [problem for module in model.modules() if hasattr(module, 'class_problems')
                       for problem in module.class_problems(foreground)]


def check_graph_files(model: nn.Module, given_keys: Sequence[str] = ()) -> List[str]:
    """Class graphs in the model must come from a file or from the checkpoint to be loaded.

    Args:
        model (nn.Module): Modules with ``filled`` (whether a graph is there) are looked at.
        given_keys (sequence of str): State dict keys of the checkpoint, if any.
    """
    return [f'the class graph {str(getattr(module, "source", "?"))!r} of model.{name} is missing: '
            'build it with tools/build_class_graph.py, or load a checkpoint that holds it'
            for name, module in model.named_modules()
            if getattr(module, 'filled', True) is False and f'{name}.adjacency' not in given_keys]


def check_init_weights(model: nn.Module) -> List[str]:
    """Initial weights (``init_cfg`` of type ``Pretrained``) must be at hand and load.

    Downloads what is not in torch's cache yet, as the run would do a moment later. A module may
    say in ``weights_hint`` where its weights come from.
    """
    problems, seen = [], set()
    for name, module, checkpoint in _pretrained(model):
        if checkpoint in seen:
            continue
        seen.add(checkpoint)
        problem = _check_weights(checkpoint)
        if problem:
            hint = getattr(module, 'weights_hint', '')
            problems.append(f'the initial weights of model{name and "." + name}, {checkpoint}, '
                            f'{problem}' + (f'; {hint}' if hint else ''))
    return problems


def check_labels(dataset: Any, max_headers: int = 20000, max_decoded: int = 64) -> List[str]:
    """Labels must be readable, of their image's size, and hold the data set's classes.

    Args:
        dataset: A data set, possibly wrapped; those that know image and label paths are checked.
        max_headers (int): Of how many pairs to compare the sizes (reads file headers only).
        max_decoded (int): Of how many to read all pixels. Both are spread over the whole set;
            the rest is checked when ``LoadSegLabels`` reads it.

    Returns:
        list[str]: One message a data set: how many are wrong and the first three.
    """
    problems = []
    for inner in _unwrap(dataset):
        if not _has_png_labels(inner):
            continue
        found, checked = [], _spread(len(inner), max_headers)
        decoded = set(_spread(len(inner), max_decoded))
        for i in checked:
            info = inner.get_data_info(i)
            problem = _check_pair(info, i in decoded and 'num_classes' in info)
            found += [problem] if problem else []
        if found:
            more = f' (and {len(found) - 3} more)' if len(found) > 3 else ''
            problems.append(f'{len(found)} of {len(checked)} labels of {type(inner).__name__} are '
                            f'unusable: {"; ".join(found[:3])}{more}')
    return problems


def check_images(dataset: Any, max_headers: int = 20000, max_decoded: int = 64) -> List[str]:
    """Images of data sets with image-level labels must be readable.

    Args:
        dataset: A data set, possibly wrapped; those that answer unreadable images with an error
            (``unreadable='error'``) are checked.
        max_headers (int): Of how many images to read the file header.
        max_decoded (int): How many to decode to their end. Both are spread over the whole set;
            the rest is checked when ``LoadAnyImage`` reads it.

    Returns:
        list[str]: One message a data set: how many are unreadable and the first three.
    """
    problems = []
    for inner in _unwrap(dataset):
        if getattr(inner, 'unreadable', None) != 'error':
            continue
        checked = _spread(len(inner), max_headers)
        decoded = set(_spread(len(inner), max_decoded))
        found = [problem for i in checked
                 if (problem := _check_image(inner.get_data_info(i)['img_path'], i in decoded))]
        if found:
            more = f' (and {len(found) - 3} more)' if len(found) > 3 else ''
            problems.append(f'{len(found)} of {len(checked)} images of {type(inner).__name__} are '
                            f'unusable: {"; ".join(found[:3])}{more}')
    return problems


def check_proposals(dataset: Any, max_images: int = 20000) -> List[str]:
    """A file of proposals must be readable and have boxes of some image, each of one image.

    The log says how many images have boxes. Images that a store holds already count too: those
    that are left may well be the ones without boxes.

    Args:
        dataset: A data set, possibly wrapped; pipelines with ``LoadProposals`` are checked.
        max_images (int): How many images to look up, spread over the whole set.

    Returns:
        list[str]: One message a pipeline.
    """
    problems = []
    for inner in _unwrap(dataset):
        for transform in getattr(getattr(inner, 'pipeline', None), 'transforms', []):
            if not hasattr(transform, 'problem_with'):
                continue
            ids = _image_ids(inner, max_images)
            try:
                problem = transform.problem_with(ids)
            except (OSError, ValueError) as error:
                problem = str(error)
            if problem:
                problems.append(problem)
                continue
            known = sum(transform.name_of(image_id) is not None for image_id in ids)
            print_log(f'{transform.file}: boxes for {known} of {len(ids)} images', 'current')
    return problems


def check_checkpoint(filename: str) -> Tuple[List[str], List[str]]:
    """A checkpoint must load; returns problems and the keys of its weights."""
    try:
        checkpoint = _load_any(filename)
    except Exception as e:
        return [_reason(e)], []
    state = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, dict) else {}
    return [], list(state)


def check_state_dict(model: nn.Module, keys: Sequence[str], filename: str) -> List[str]:
    """A tested checkpoint must hold every weight of the model (mmengine leaves gaps random)."""
    wanted = list(model.state_dict())
    given = {k[len('module.'):] if k.startswith('module.') else k for k in keys}
    missing = [k for k in wanted if k not in given and not k.endswith('num_batches_tracked')]
    if not missing:
        return []
    first = ', '.join(missing[:3]) + (', ...' if len(missing) > 3 else '')
    return [f'checkpoint {filename} lacks {len(missing)} of the {len(wanted)} weights of the '
            f'model ({first}): it belongs to another config']


def _heads(model: nn.Module) -> Iterator[Tuple[str, nn.Module]]:
    for name in ('decode_head', 'auxiliary_head', 'head'):
        head = getattr(model, name, None)
        if isinstance(head, nn.ModuleList):
            yield from ((f'{name}.{i}', h) for i, h in enumerate(head))
        elif isinstance(head, nn.Module):
            yield name, head


def _compare_names(name: str, known: Tuple[str, ...], classes: Sequence[str]) -> List[str]:
    wanted = [c for c in classes if c != BACKGROUND]
    try:
        rows = match(wanted, known)
    except (KeyError, ValueError) as e:
        return [f'model.{name}: {e}']
    if len(rows) == len(known) and rows != list(range(len(known))):
        return [f'model.{name}: the class graph has the classes of the data set in another order '
                f'({known[0]}, {known[1]}, ...): give it classes={wanted[:2]}... in label order']
    return []


def _pretrained(model: nn.Module) -> Iterator[Tuple[str, nn.Module, str]]:
    for name, module in model.named_modules():
        init_cfg = getattr(module, 'init_cfg', None)
        for cfg in init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]:
            if isinstance(cfg, dict) and cfg.get('type') == 'Pretrained' and cfg.get('checkpoint'):
                yield name, module, cfg['checkpoint']


def _check_weights(checkpoint: str) -> str:
    """What is wrong with initial weights, with the remedy; '' if nothing."""
    try:
        _load_any(checkpoint)
    except CheckpointError as e:
        return f'cannot be used: {e}'
    except FileNotFoundError:
        return ('do not exist: check init_cfg.checkpoint, or set init_cfg=None to start from '
                'scratch')
    except Exception as e:
        url = resolve_url(checkpoint)
        where = f' from {url} to {cache_path(url)}' if url else ''
        return (f'cannot be had ({_reason(e)}): on a machine with network, download them{where}, '
                'or point init_cfg.checkpoint to a local file')
    return ''


def resolve_url(checkpoint: str) -> Optional[str]:
    """URL behind ``https://``, ``torchvision://``, ``open-mmlab://`` and ``mmcls://`` names."""
    scheme, _, name = checkpoint.partition('://')
    if scheme in ('http', 'https'):
        return checkpoint
    if scheme in ('torchvision', 'modelzoo'):
        return mm_checkpoint.get_torchvision_models().get(name)
    if scheme in ('open-mmlab', 'openmmlab'):
        name = mm_checkpoint.get_deprecated_model_names().get(name, name)
        return mm_checkpoint.get_external_models().get(name)
    if scheme == 'mmcls':
        return mm_checkpoint.get_mmcls_models().get(name)
    return None


def _load_any(checkpoint: str) -> Any:
    url = resolve_url(checkpoint)
    if '://' not in checkpoint:
        return load_checkpoint_safely(checkpoint)
    if url is None:
        raise ValueError(f'{checkpoint} is no known name of weights')
    if not url.startswith(('http://', 'https://')):
        return load_checkpoint_safely(osp.join(mm_checkpoint._get_mmengine_home(), url))
    with _network_timeout(30):
        path = fetch(url)
    return load_checkpoint_safely(path)


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    """A network that swallows packets must not hang the start for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _check_image(path: str, decode: bool) -> str:
    try:
        read_image(path) if decode else _image_size(path, 'image')
    except (OSError, ValueError) as e:
        return _reason(e)
    return ''


def _check_pair(info: dict, decode: bool) -> str:
    path = info.get('seg_map_path')
    try:
        if decode:
            label = read_label(path)
            size = label.shape[::-1]
            offset = int(bool(info.get('reduce_zero_label')))
            check_label_values(label, info['num_classes'] + offset, path)
        else:
            size = _image_size(path, 'label')
        image = _image_size(info['img_path'], 'image')
    except (OSError, ValueError) as e:
        return _reason(e)
    if tuple(size) != tuple(image):
        return (f'{path} is {size[0]}x{size[1]} pixels, its image {info["img_path"]} '
                f'{image[0]}x{image[1]}')
    return ''


def _image_ids(dataset: Any, count: int) -> List[str]:
    """``count`` ids spread evenly over a data set, with those left out by ``skip_stored``."""
    listed = getattr(dataset, 'listed_ids', None)
    if listed is not None:
        return [listed[i] for i in _spread(len(listed), count)]
    return [dataset.get_data_info(i)['image_id'] for i in _spread(len(dataset), count)]


def _image_size(path: str, kind: str) -> Tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError as e:
        raise FileNotFoundError(f'{kind} {path} does not exist') from e
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise ValueError(f'{kind} {path} cannot be read as an image') from e


def _has_png_labels(dataset: Any) -> bool:
    prefix = getattr(dataset, 'data_prefix', None) or {}
    suffix = getattr(dataset, 'seg_map_suffix', '')
    return bool(prefix.get('seg_map_path')) and suffix.endswith('.png')


def _unwrap(dataset: Any) -> List[Any]:
    if hasattr(dataset, 'datasets'):
        return [inner for part in dataset.datasets for inner in _unwrap(part)]
    return _unwrap(dataset.dataset) if hasattr(dataset, 'dataset') else [dataset]


def _spread(size: int, count: int) -> List[int]:
    """``count`` indices spread evenly over ``size``; all of them if there are no more."""
    if count >= size:
        return list(range(size))
    return [i * size // count for i in range(count)]


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
