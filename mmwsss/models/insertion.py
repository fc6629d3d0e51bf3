"""Putting a module into a network of another class, by config, without changing that network.

The result is an object of a subclass of both the inserting class and the network's own class, so
that attributes, ``isinstance``, state dict keys and everything that a framework does with the
network stay as they were.
"""
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from mmengine.model import initialize
from mmseg.registry import MODELS
from torch import nn

Place = Tuple[nn.Module, str]


@lru_cache(maxsize=None)
def combined_class(inserting: type, network: type) -> type:
    """The class that is both ``inserting`` and ``network``; one object a pair."""
    # The metaclass of the network (ABCMeta, for mmseg's heads) is the more derived one.
    return type(network)(
        f'{inserting.__name__}_{network.__name__}', (inserting, network), {
            '__module__': inserting.__module__,
            '__doc__': f'{network.__name__} with what {inserting.__name__} inserts.',
            'parts': (inserting, network),
        })


def _new_instance(inserting: type, network: type) -> object:
    cls = combined_class(inserting, network)
    return cls.__new__(cls)


@contextmanager
def mmseg_scope(cfg: Dict[str, Any]) -> Iterator:
    """The registry in which ``cfg`` is to be built: mmseg's, unless the config names its scope."""
    with MODELS.switch_scope_and_registry(cfg.get('_scope_') or 'mmseg') as registry:
        yield registry


def network_class(cfg: Dict[str, Any], role: str) -> type:
    """The class that ``cfg['type']`` names.

    Raises:
        TypeError: ``cfg`` is no config of a network.
        KeyError: no such class is registered.
    """
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise TypeError(f"{role} must be a config with a 'type', but got {cfg!r}")
    if isinstance(cfg['type'], type):
        return cfg['type']
    with mmseg_scope(cfg) as registry:
        cls = registry.get(cfg['type'])
    if cls is None:
        raise KeyError(f'{role} {cfg["type"]!r} is not registered in mmseg or above; write '
                       "'scope.Name' or add _scope_='scope' if it belongs to another package")
    return cls


def network_arguments(cfg: Dict[str, Any]) -> Dict[str, Any]:
    """``cfg`` without what only says which class it is."""
    return {key: value for key, value in cfg.items() if key not in ('type', '_scope_')}


@contextmanager
def taken_out(places: Sequence[Place]) -> Iterator[None]:
    """Hide submodules, each given as (parent, name), while something is done to the rest."""
    found: List[Tuple[nn.Module, str, nn.Module]] = [
        (parent, name, parent._modules.pop(name)) for parent, name in places
        if name in parent._modules]
    try:
        yield
    finally:
        for parent, name, module in found:
            parent._modules[name] = module


class Insertion:
    """Mixin of classes that insert modules into a network that a config names.

    A subclass gives ``_find_network``; its ``__init__`` gets all arguments, calls
    ``super().__init__(**arguments of the network)`` and then adds its modules. It gives
    ``_places`` so that the network's initialisers, which often go by layer type, do not
    reach what was inserted.
    """

    parts: Tuple[type, type]

    def __new__(cls, *args, **kwargs):
        if not hasattr(cls, 'parts'):
            cls = combined_class(cls, cls._find_network(*args, **kwargs))
        return super().__new__(cls)

    @classmethod
    def _find_network(cls, *args, **kwargs) -> type:
        """Class of the network, from the arguments of ``__init__``."""
        raise TypeError(f'{cls.__name__} inserts nothing; build one of its subclasses')

    def _places(self) -> List[Place]:
        """(parent, name) of every inserted module."""
        return []

    def __reduce_ex__(self, protocol):
        # The combined class has no importable name; deepcopy and pickle get its two parts.
        _, _, *state = super().__reduce_ex__(2)
        return (_new_instance, self.parts, *state)

    def init_weights(self) -> None:
        """Initialise the network as if nothing were inserted, then what is inserted by itself."""
        with taken_out(self._places()):
            super().init_weights()
        for parent, name in self._places():
            module = parent._modules[name]
            if hasattr(module, 'init_weights') and not getattr(module, 'is_init', False):
                module.init_weights()
        # A checkpoint may hold the inserted modules too, and comes last.
        cfgs = self.init_cfg if isinstance(self.init_cfg, (list, tuple)) else [self.init_cfg]
        pretrained = [cfg for cfg in cfgs if cfg and _is_pretrained(cfg)]
        if pretrained:
            self._load_pretrained(pretrained)

    def _load_pretrained(self, cfgs: List[Dict[str, Any]]) -> None:
        initialize(self, cfgs)


def _is_pretrained(cfg: Dict[str, Any]) -> bool:
    return getattr(cfg['type'], '__name__', cfg['type']) in ('Pretrained', 'PretrainedInit')
