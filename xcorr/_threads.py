"""Threads, locks and queues of the system, whatever others make of Python's.

gevent and eventlet put their own in their place, before this package is imported or after. Threads of the one kind that
wait for a lock or a queue of the other kind wait for ever, so all that waits here is of the system. `_queue` is what
nobody replaces; of `_thread`, which they do, the interpreter makes another one.
"""

from _queue import SimpleQueue
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec, spec_from_loader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _thread
else:
    spec = spec_from_loader("_thread", BuiltinImporter)
    _thread = module_from_spec(spec)
    spec.loader.exec_module(_thread)

RLock, start_new_thread = _thread.RLock, _thread.start_new_thread

__all__ = ["RLock", "SimpleQueue", "start_new_thread"]
