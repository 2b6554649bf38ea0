"""From `_HANDLER` to the callable: `module.function`, where the module may be dotted or a path."""

import sys

from tatami_runtime.faults import Fault


def load_handler(name):
    """Imports the module of `name` and returns its function.

    Raises Fault with AWS's types and texts when that cannot be done, and whatever the module itself raises.
    """
    module_name, function_name = split_handler(name)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise Fault("Runtime.BuiltInModuleConflict", message)
    module = import_handler_module(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message) from None


def split_handler(name):
    """(module, function) of a handler's name. Raises Fault Runtime.MalformedHandlerName."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, error)) from error
    return module_name, function_name


def import_handler_module(module_name):
    """The module. Not `_frozen_importlib` directly: AWS's stack traces begin with importlib's own frame."""
    import importlib

    try:
        return importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise Fault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        message = "Syntax error in module '%s': %s" % (module_name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from error
