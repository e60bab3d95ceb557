"""The Python step: a function answers."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from calltrail.domain.answers import Answer, Success, ValidationRefusal
from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.call import Call

Handler = Callable[[Call], Any]
"""Called with the call; gives the fields of a Success (or None for none), at once or as an awaitable.

It raises InvalidInput when the data of the call is wrong. A plain function runs in a thread.
"""


@lru_cache(maxsize=1024)
def load_handler(reference: str) -> Handler:
    """The function that `package.module:function` names. Raises ImportError, AttributeError or TypeError."""
    module, _, name = reference.partition(":")
    handler: Handler = getattr(import_module(module), name)
    if not callable(handler):
        raise TypeError(f"{reference} is not a function")
    return handler


async def run_handler(reference: str, call: Call, problems: tuple[Problem, ...]) -> Answer:
    """Run the handler and take what it gives as the fields of a Success. Other exceptions than InvalidInput pass."""
    handler = load_handler(reference)
    try:
        if inspect.iscoroutinefunction(handler):
            fields = await handler(call)
        else:
            fields = await asyncio.to_thread(handler, call)
    except InvalidInput as error:
        return ValidationRefusal(error.problems)
    if fields is None:
        fields = {}
    if not isinstance(fields, Mapping):
        raise TypeError(f"{reference} gave {type(fields).__name__}, not the fields of an answer")
    return Success(fields, problems)
