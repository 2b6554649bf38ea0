"""The `context` a handler receives, and which invocation is being served."""

import os
import time

from tatami_runtime.faults import Fault
from tatami_runtime.log_sink import TEXT
from tatami_runtime.marshal import decode

W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class Current:
    """The invocation whose handler runs now, empty during the initialisation, and where its log goes."""

    sink = None
    request_id = ""
    tenant_id = None


CURRENT = Current()


class _Fields:
    """An object whose attributes are its `__slots__`, each the value under that name in a dict, or None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        fields = ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__)
        return "%s([%s])" % (type(self).__name__, fields)


class CognitoIdentity(_Fields):
    """Who called, when a mobile SDK did; both fields None otherwise."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Fields):
    """The `client` part of a client context."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")  # noqa: RUF023 - the order of repr


class ClientContext(_Fields):
    """What the caller passed as ClientContext: `custom` and `env` as dicts, `client` as a Client or None."""

    __slots__ = ("custom", "env", "client")  # noqa: RUF023

    def __init__(self, values):
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


class LambdaContext:
    """Facts about this invocation, this function and its environment. Values from the environment are strings."""

    def __init__(self, invocation):
        client_context = _parsed(invocation.client_context, "Client Context")
        identity = _parsed(invocation.cognito_identity, "Cognito Identity") or {}
        self.aws_request_id = invocation.request_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invocation.function_arn
        self.tenant_id = invocation.tenant_id
        # AWS takes the trace context out of the client context and shows it through w3c() only.
        w3c = client_context.pop("w3c", None) if client_context else None
        w3c = w3c if isinstance(w3c, dict) else {}
        self._w3c = {name: w3c[name] for name in W3C_FIELDS if isinstance(w3c.get(name), str)}
        self.client_context = None if client_context is None else ClientContext(client_context)
        self.identity = CognitoIdentity(
            {
                "cognito_identity_id": identity.get("cognitoIdentityId"),
                "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
            }
        )
        self._deadline_ms = invocation.deadline_ms

    def get_remaining_time_in_millis(self):
        """Milliseconds until the function's timeout, 0 when it is over."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def w3c(self):
        """The W3C trace context of the invocation: a dict of the fields the caller sent."""
        return dict(self._w3c)

    def log(self, message):
        """Writes one log event without a level."""
        CURRENT.sink.write(str(message), 0, TEXT)

    def __repr__(self):
        names = "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version"
        names += " invoked_function_arn client_context identity tenant_id"
        fields = ",".join("%s=%s" % (name, getattr(self, name)) for name in names.split())
        return "LambdaContext([%s])" % fields


def _parsed(header, name):
    """The dict in a JSON header, None without the header. Raises Fault Runtime.LambdaContextUnmarshalError."""
    if not header:
        return None
    try:
        value = decode(header)
        if value is not None and not isinstance(value, dict):
            raise ValueError("an object was expected, not %s" % type(value).__name__)
    except Exception as error:
        message = "Unable to parse %s JSON: %s" % (name, error)
        raise Fault("Runtime.LambdaContextUnmarshalError", message) from error
    return value
