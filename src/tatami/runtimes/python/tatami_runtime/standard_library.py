"""Late imports that behave as early ones: the standard library's modules, whatever lies in the function's folder.

AWS's client has imported `json`, `logging`, `traceback` and what they need before the task root is searched,
so a function that ships a `token.py` or a `types.py` still works there. We import them late, to start fast,
and therefore a finder in front of all others answers for those names with the standard library's file.
The same finder sets `logging` up at the moment somebody first imports it.
"""

import sys
from _frozen_importlib_external import PathFinder

LOADED_BEFORE_THE_FUNCTION = frozenset(
    """
    __future__ _collections_abc _compression _weakrefset abc ast atexit base64 binascii bisect calendar codecs
    collections contextlib copy copyreg datetime dataclasses decimal dis email enum errno functools genericpath
    hashlib heapq http importlib inspect io ipaddress json keyword linecache locale logging math ntpath numbers
    opcode operator os posixpath quopri random re reprlib selectors signal site sre_compile sre_constants sre_parse
    socket ssl stat string struct tempfile textwrap threading time token tokenize traceback types urllib uu warnings
    weakref zipimport
    """.split()
)


class ConfiguringLoader:
    """A loader that calls `configure(module)` once its module has been executed."""

    def __init__(self, loader, configure):
        self.loader = loader
        self.configure = configure

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        self.configure(module)


class StandardLibraryFinder:
    """Finds the modules of LOADED_BEFORE_THE_FUNCTION in `search_path` (the standard library's folders)."""

    def __init__(self, search_path, configure_logging):
        self.search_path = search_path
        self.configure_logging = configure_logging

    def find_spec(self, name, path=None, target=None):
        if name not in LOADED_BEFORE_THE_FUNCTION:
            return None
        spec = PathFinder.find_spec(name, self.search_path)
        if spec is not None and name == "logging":
            spec.loader = ConfiguringLoader(spec.loader, self.configure_logging)
        return spec


def install(search_path, configure_logging):
    """Puts the finder in front; `configure_logging(module)` runs when `logging` has just been imported."""
    sys.meta_path.insert(0, StandardLibraryFinder(search_path, configure_logging))
    if "logging" in sys.modules:
        configure_logging(sys.modules["logging"])
