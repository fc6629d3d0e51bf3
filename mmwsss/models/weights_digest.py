"""A short name for the weights of a network."""
import hashlib

import torch
from torch import nn


def weights_digest(model: nn.Module) -> str:
    """16 hexadecimal digits over names and values of all that the state dict holds."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
