"""`/2018-06-01/runtime/init/error`: the runtime could not start."""

from __future__ import annotations

from tatami.environments.session import Answer, RuntimeSession
from tatami.runtime_api.calls import ACCEPTED, Call, Reply
from tatami.runtime_api.invocation import error_type


def init_error(session: RuntimeSession, call: Call) -> Reply:
    """`POST .../init/error`."""
    session.fail_init(Answer(call.body, error_type(call)))
    return ACCEPTED
