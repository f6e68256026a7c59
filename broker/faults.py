"""Faults of tasks that ran beside each other."""


def first_error(error: BaseException) -> BaseException:
    """The first error of nested groups: the connection's own, or our fault, which nobody catches."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
