"""The function of test_languages in Python: echo, fail, sleep, or tell what is seen."""

from __future__ import annotations

import os
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> Any:
    if event.get("fail"):
        raise ValueError(f"Error: {event['fail']}")
    if event.get("sleep"):
        time.sleep(60)  # paces: the timeout under test comes first
    if not event.get("introspect"):
        return event
    names = "aws_request_id function_name function_version invoked_function_arn log_group_name log_stream_name"
    ctx = {name: getattr(context, name) for name in [*names.split(), "memory_limit_in_mb"]}
    ctx["remaining_time_in_millis"] = context.get_remaining_time_in_millis()
    return {"ctx": ctx, "environment": dict(os.environ)}
