"""
The site of the function URLs: from an HTTP request to an invocation and back.

In order: find the URL, answer a preflight, let nobody in who may not come, make the event, run the function, read
from its answer what to respond. Refusals are AWS's own (Lambda guide, urls-auth; recorded answers): 403 for who may
not call and for addresses that do not exist, 413, 429, and 502 when the function failed or returned no response.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from tatami.dispatch.streams import StreamedOutcome
from tatami.domain.arn import FunctionReference
from tatami.domain.invocation import MAX_SYNCHRONOUS_PAYLOAD, FunctionVersion, Invocation
from tatami.frame.errors import AwsError
from tatami.frame.operation import Context
from tatami.frame.site import Page, Truncated, Visit
from tatami.kit.ids import hex_id
from tatami.ports.engine import EnvironmentLost
from tatami.services.lambda_.api import invoke
from tatami.services.lambda_.model import cors, policies, url_answers, urls
from tatami.services.lambda_.model.policies import Policy
from tatami.services.lambda_.model.url_answers import Head, NoAnswer
from tatami.services.lambda_.model.url_events import Arrival, Signer, event_of
from tatami.services.lambda_.model.urls import UrlConfig
from tatami.services.lambda_.state import LambdaRoom
from tatami.services.lambda_.store import urls as store
from tatami.wire.http import Request, Response
from tatami.wire.sigv4 import SignatureError

log = logging.getLogger(__name__)

FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


class FunctionUrls:
    """frame.site.Site of every function URL."""

    body_limit = MAX_SYNCHRONOUS_PAYLOAD

    def __init__(self, state: LambdaRoom) -> None:
        self._state = state

    def __repr__(self) -> str:
        return "<FunctionUrls>"

    def serves(self, head: Request) -> bool:
        """Whether the Host or the path is a function's."""
        return head.path.startswith(urls.PATH) or (
            ".lambda-url." in head.header("host") and urls.located(head.header("host"), head.path) is not None
        )

    def too_large(self, request_id: str) -> Page:
        """413."""
        text = f"Request must be smaller than {MAX_SYNCHRONOUS_PAYLOAD} bytes for the InvokeFunction operation"
        return _refusal(413, "RequestEntityTooLargeException", text, request_id)

    async def answer(self, visit: Visit) -> Response:
        """Answer a request to a URL; never raises for what its sender or the function did."""
        request = visit.request
        found = urls.located(request.header("host"), request.path)
        served = await store.serving(self._state.store, found[0]) if found else None
        if found is None or served is None:
            return _refusal(403, "AccessDeniedException", FORBIDDEN, visit.request_id)
        config, policy = served
        if cors.is_preflight(config.cors, request.method, request.headers):
            return Page(200, _traced(cors.preflight(config.cors, request.headers), visit.request_id))
        page = await self._let_in(visit, config, policy, found[1])
        page.headers.update(cors.allowed(config.cors, request.headers))
        return page

    async def _let_in(self, visit: Visit, config: UrlConfig, policy: Policy, path: str) -> Page:
        try:
            signer = await _admitted(visit, config, policy)
            invocation = self._invocation(visit, config, signer, path)
            if len(invocation.payload) > MAX_SYNCHRONOUS_PAYLOAD:
                return self.too_large(visit.request_id)
            named = FunctionReference(config.name, config.qualifier, config.account, config.region, config.partition)
            function = await invoke.resolve(self._state, named)
            if config.invoke_mode == urls.RESPONSE_STREAM:
                return await self._streamed(function, invocation, wants_body=visit.request.method != "HEAD")
            return await self._buffered(function, invocation)
        except SignatureError as wrong:
            return _refusal(403, wrong.code, wrong.message, visit.request_id)
        except AwsError as error:
            page = _refusal(error.status, error.code, error.message, visit.request_id)
            page.headers.update({name.lower(): value for name, value in error.headers.items()})
            return page

    def _invocation(self, visit: Visit, config: UrlConfig, signer: Signer | None, path: str) -> Invocation:
        request, now = visit.request, self._state.clock.now()
        trace = request.header("x-amzn-trace-id") or f"Root=1-{int(now):08x}-{hex_id(24)}"
        arrival = Arrival(
            path=path,
            host=request.header("host"),
            client=visit.client,
            scheme=request.header("x-forwarded-proto", "http"),
            protocol=visit.protocol,
            request_id=visit.request_id,
            trace=trace,
            now=now,
        )
        event = event_of(config, request, arrival, signer)
        return Invocation(visit.request_id, event, config.arn, trace_id=trace)

    async def _buffered(self, function: FunctionVersion, invocation: Invocation) -> Page:
        with invoke.refusals():
            outcome = await self._state.dispatch.invoke(function, invocation)
        if outcome.function_error:
            return _failed(invocation)
        try:
            head, body = url_answers.buffered(outcome.payload)
        except NoAnswer as problem:
            return _bad_gateway(function, invocation, problem)
        return _page(head, body, invocation)

    async def _streamed(self, function: FunctionVersion, invocation: Invocation, *, wants_body: bool) -> Page:
        with invoke.refusals():
            streamed = await self._state.dispatch.stream(function, invocation)
        if streamed.content_type is None:
            outcome = await streamed.outcome()
            if outcome.function_error:
                return _failed(invocation)
            # What was not streamed is not looked into either: it is the body (recorded).
            return _page(Head(200, {"content-type": url_answers.JSON}), outcome.payload, invocation)
        try:
            head, pieces = await _opened(streamed)
        except NoAnswer as problem:
            return _bad_gateway(function, invocation, problem)
        if not wants_body:
            streamed.abandon()
            return _page(head, b"", invocation)
        return _page(head, _body(streamed, pieces), invocation)


async def _admitted(visit: Visit, config: UrlConfig, policy: Policy) -> Signer | None:
    """Who calls, None for anybody. Raises AwsError for whom the URL is closed, SignatureError.

    A signer of the function's own account needs no statement; who may do what within an account is not decided here.
    """
    facts = {policies.URL_AUTH_TYPE: config.auth_type, policies.INVOKED_VIA_URL: "true"}
    if config.auth_type == urls.NONE:
        if policies.allows(policy, policies.INVOKE_URL, "", "", facts):
            return None
        raise AwsError("AccessDeniedException", FORBIDDEN, 403)
    context = await visit.signer()
    if context is not None and _may_call(context, config, policy, facts):
        return Signer(context.account, context.access_key, context.caller_arn, context.user_id)
    raise AwsError("AccessDeniedException", FORBIDDEN, 403)


def _may_call(context: Context, config: UrlConfig, policy: Policy, facts: dict[str, str]) -> bool:
    if context.account == config.account:
        return True
    return policies.allows(policy, policies.INVOKE_URL, context.account, context.caller_arn, facts)


async def _opened(streamed: StreamedOutcome) -> tuple[Head, AsyncGenerator[bytes, None]]:
    """The head of a streamed response and its body. Raises NoAnswer for a prelude that is none."""
    pieces = streamed.pieces()
    if streamed.content_type != url_answers.HTTP_INTEGRATION:
        return Head(200, {"content-type": streamed.content_type or ""}), pieces
    begin = b""
    async for piece in pieces:
        begin += piece
        try:
            found = url_answers.prelude(begin)
        except NoAnswer:
            streamed.abandon()
            raise
        if found is not None:
            return found[0], _behind(found[1], pieces)
    raise NoAnswer("the stream ended within its prelude")


async def _behind(begin: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    if begin:
        yield begin
    async for piece in pieces:
        yield piece


async def _body(streamed: StreamedOutcome, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The body, to its end. Raises Truncated when the function failed in the middle of it."""
    try:
        async for piece in pieces:
            yield piece
        outcome = await streamed.outcome()
        if outcome.function_error:
            raise Truncated(f"the function failed while it streamed: {outcome.error_type}")
    except EnvironmentLost as lost:
        raise Truncated(str(lost)) from lost
    finally:
        streamed.abandon()


def _page(head: Head, body: bytes | AsyncIterator[bytes], invocation: Invocation) -> Page:
    headers = _traced(head.headers, invocation.request_id)
    headers["x-amzn-trace-id"] = invocation.trace_id
    return Page(head.status, headers, body, head.cookies)


def _traced(headers: dict[str, str], request_id: str) -> dict[str, str]:
    return {**headers, "x-amzn-requestid": request_id}


def _failed(invocation: Invocation) -> Page:
    return _page(Head(502, {"content-type": url_answers.JSON}), b"Internal Server Error", invocation)


def _bad_gateway(function: FunctionVersion, invocation: Invocation, problem: NoAnswer) -> Page:
    # AWS says no more to the client either, but here the developer has the platform's log.
    log.info("function URL of %s: request %s: %s", function.name, invocation.request_id, problem)
    return _page(Head(502, {"content-type": url_answers.JSON}), b"Internal Server Error", invocation)


def _refusal(status: int, code: str, message: str, request_id: str) -> Page:
    headers = {"content-type": "application/json", "x-amzn-errortype": code}
    return Page(status, _traced(headers, request_id), json.dumps({"Message": message}).encode())
