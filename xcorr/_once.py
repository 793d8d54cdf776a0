"""A property that is computed once for each object, and holds no lock meanwhile."""

import functools
from typing import Any, TypeVar, overload

T = TypeVar("T")


class cached_property(functools.cached_property[T]):  # as the one that it stands for
    """Property as `functools.cached_property` is from Python 3.12 on.

    Before, all objects share a lock for each property: threads wait for each other, and a process that is forked while
    another thread holds it waits for ever. Threads that come at once may both compute it here.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> "cached_property[T]": ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        values, name = vars(instance), str(self.attrname)
        if name not in values:
            values[name] = self.func(instance)
        return values[name]
