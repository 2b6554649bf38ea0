"""The life of the process: prepare, load the handler, serve invocations one after the other."""

import builtins
import os
import sys
import time

from tatami_runtime import standard_library
from tatami_runtime.context import CURRENT, LambdaContext
from tatami_runtime.faults import describe, text_lines
from tatami_runtime.handler import load_handler
from tatami_runtime.log_sink import JSON, open_sink
from tatami_runtime.marshal import encode, event_of, result_of
from tatami_runtime.runtime_client import RuntimeApiError, RuntimeClient


def start(runtime_folder, arguments):
    """Runs the function of this environment until the platform ends the process.

    `runtime_folder` is where bootstrap.py lies; `arguments` is sys.argv: the program and, optionally, the folder
    of the AWS SDK.
    """
    CURRENT.sink = sink = open_sink(os.environ)
    other_folders = [folder for folder in sys.path if folder != runtime_folder]
    named_by_user = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    library = [folder for folder in other_folders if folder not in named_by_user]
    sys.path[:] = search_path(os.environ, runtime_folder, other_folders, arguments[1:])
    sys.argv[:] = arguments[:1]
    install_site_builtins()
    standard_library.install(library, lambda module: configure_logging(sink))
    client = RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    handler = initialise(client, sink, os.environ.get("_HANDLER", ""))
    try:
        while True:
            serve(client, sink, handler)
    except RuntimeApiError as error:
        sys.exit("Runtime API: %s" % error)


def search_path(environment, runtime_folder, other_folders, sdk_folders):
    """sys.path as AWS's runtime orders it: task root, layers, runtime, standard library, SDK."""
    version = "python%d.%d" % sys.version_info[:2]
    layers = ["/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    folders = [environment.get("LAMBDA_TASK_ROOT") or os.getcwd()]
    folders += [folder for folder in layers if os.path.isdir(folder)]
    folders.append(environment.get("LAMBDA_RUNTIME_DIR") or runtime_folder)
    return list(dict.fromkeys(folders + other_folders + sdk_folders))


def install_site_builtins():
    """`-S` hides the machine's packages and, with `site`, also `exit`, `quit` and `help`."""
    import _sitebuiltins

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()


def configure_logging(sink):
    """Sets the root logger up; runs when `logging` is first imported."""
    from tatami_runtime import log_records

    log_records.configure(sink)


def initialise(client, sink, handler_name):
    """The handler, or the end of the process: an error of the function's module is posted and exits with 1."""
    try:
        return load_handler(handler_name)
    except Exception as error:
        document, _ = describe(error, "")
    log_error(sink, document)
    sink.flush()
    client.post_init_error(encoded(document), document["errorType"])
    sys.exit(1)


def serve(client, sink, handler):
    """One invocation from `/next` to its posted outcome. SystemExit and its like end the process, as on AWS."""
    invocation = client.next()
    CURRENT.request_id, CURRENT.tenant_id = invocation.request_id, invocation.tenant_id
    set_trace_id(invocation.trace_id)
    try:
        context = LambdaContext(invocation)
        event = event_of(invocation.body, invocation.content_type)
        # The function should not pay the memory of its event twice.
        invocation.body = b""
        body, content_type = result_of(handler(event, context))
    except Exception as error:
        document, cause = describe(error, invocation.request_id)
        log_error(sink, document)
        sink.flush()
        client.post_error(invocation, encoded(document), document["errorType"], encode(cause, ascii_only=True))
    else:
        sink.flush()
        client.post_response(invocation, body, content_type)


def set_trace_id(trace_id):
    """`_X_AMZN_TRACE_ID` of this invocation, where X-Ray's SDK looks for it."""
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def log_error(sink, document):
    """An error as one log event, in the function's log format."""
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event = {"timestamp": timestamp, "level": "ERROR", **document}
        sink.write(encode(event, ascii_only=True) + "\n", 40, JSON)
    else:
        sink.write_error_lines(text_lines(document))


def encoded(document):
    """The bytes of an error; not even a lone surrogate in a path or a source line may lose it."""
    return encode(document).encode("utf-8", "backslashreplace")
