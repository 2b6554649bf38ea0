"""
The request path, as a list: accept → identify → authenticate → authorize → decode → call → encode.

Each step has one reason to refuse a request and raises; whatever is raised becomes the answer in the error shape of
the service that was asked, at one place (`_refuse`). What nobody expected is logged with its traceback and told to
the client only as an internal error with a request id.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tatami.frame.errors import AwsError, not_implemented
from tatami.frame.operation import Context, Room, Values
from tatami.frame.site import Site, Visit
from tatami.gateway import refusals
from tatami.gateway.access import Access, Authenticator, Authorizer, Caller, Keys, OwnAccount, style_of
from tatami.gateway.arrival import Arrival
from tatami.gateway.body import plain
from tatami.kit.clock import Clock
from tatami.kit.ids import request_id as new_request_id
from tatami.wire import sigv4_errors
from tatami.wire.http import Request, Response
from tatami.wire.models import OperationModel, load_service
from tatami.wire.protocols import codec
from tatami.wire.routing import Target, UnknownOperation, UnknownService, identify, region_of
from tatami.wire.service_table import SIGNING_ALIASES
from tatami.wire.sigv4 import Style
from tatami.wire.validation import message_for, violations

log = logging.getLogger(__name__)

LAMBDA_BODY_LIMIT = 70_167_211
"""Bytes of a request to Lambda; AWS's own error names the number."""

BODY_LIMIT = 512 * 1024 * 1024
"""Bytes of any other request's body."""

SPECIAL_PATH = "/_tatami/"


@dataclass(frozen=True, slots=True)
class Special:
    """Something of ours beside the AWS APIs, such as the health page.

    path: a prefix that begins with `/_tatami/`. signed: whether the request must be signed like an AWS request.
    """

    path: str
    answer: Callable[[Request], Awaitable[Response]]
    signed: bool = False


class Gateway:
    """The front door over the service rooms. default_region: for requests that name none.

    sites: asked before anything else whether a request is theirs.
    """

    def __init__(
        self,
        rooms: Mapping[str, Room],
        keys: Keys,
        *,
        clock: Clock,
        access: Access = Access.OPEN,
        default_account: str = "000000000000",
        default_region: str = "us-east-1",
        authorizer: Authorizer | None = None,
        special: Sequence[Special] = (),
        sites: Sequence[Site] = (),
        ids: Callable[[], str] = new_request_id,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self._rooms = dict(rooms)
        self._authenticator = Authenticator(keys, access, default_account, clock)
        self._authorizer = authorizer or OwnAccount()
        self._access = access
        self._default_region = default_region
        self._special = tuple(special)
        self._sites = tuple(sites)
        self._ids = ids
        self._body_limit = body_limit

    def __repr__(self) -> str:
        return f"<Gateway access={self._access.value} rooms={','.join(sorted(self._rooms))}>"

    async def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""
        request_id = self._ids()
        if (site := self._site_of(request)) is not None:
            return await self._answer_site(site, request, request_id)
        if request.path.startswith(SPECIAL_PATH):
            return await self._answer_special(request, request_id)
        target: Target | None = None
        try:
            target = identify(request)
            caller = await self._authenticate(request, target)
            request = plain(request, target.operation, caller.signature, self._body_limit)
            context = self._context(request, caller, request_id)
            await self._authorizer.allow(context, target.service.name, target.operation.name)
            return await self._call(request, target, context)
        except Exception as error:
            return self._refuse(error, request, target, request_id)

    def body_limit(self, head: Request, declared: int | None) -> int:
        """How many bytes the body of this request may have. declared: its Content-Length, None when chunked."""
        if (site := self._site_of(head)) is not None:
            return site.body_limit
        if declared is not None and declared <= LAMBDA_BODY_LIMIT:
            return self._body_limit
        target = _target_of(head)
        return LAMBDA_BODY_LIMIT if target and target.service.name == "lambda" else self._body_limit

    def too_large(self, head: Request, limit: int) -> Response:
        """The answer to a body of more than `limit` bytes."""
        if (site := self._site_of(head)) is not None:
            return site.too_large(self._ids())
        target = _target_of(head)
        service, operation = (target.service.name, target.operation.name) if target else ("", "")
        return self._refuse(refusals.too_large(service, operation, limit), head, target, self._ids())

    async def _authenticate(self, request: Request, target: Target) -> Caller:
        style = style_of(target.service.name, target.protocol)
        unsigned = target.operation.auth_type == "none"
        caller = await self._authenticator.authenticate(request, style, unsigned=unsigned)
        _check_scope(caller, target.service.signing_name, style)
        return caller

    def _context(self, request: Request, caller: Caller, request_id: str) -> Context:
        region = caller.region or region_of(request) or self._default_region
        partition = _partition(region)
        scheme = request.headers.get("x-forwarded-proto", "http")
        return Context(
            account=caller.account,
            region=region,
            request_id=request_id,
            access_key=caller.access_key,
            caller_arn=caller.arn or f"arn:{partition}:iam::{caller.account}:root",
            user_id=caller.user_id or caller.account,
            endpoint=f"{'https' if scheme == 'https' else 'http'}://{request.header('host')}",
            partition=partition,
            trace_id=request.header("x-amzn-trace-id"),
        )

    async def _call(self, request: Request, target: Target, context: Context) -> Response:
        operation = target.operation
        room = self._rooms.get(target.service.name)
        if room is None or operation.name not in room.operations:
            raise not_implemented(f"{target.service.name}:{operation.name}")
        speech = codec(target.protocol)
        values = speech.decode(operation, request, target.path_values)
        if found := _violations(operation, values, room.operations[operation.name].own_checks):
            raise refusals.invalid(operation, target.protocol, message_for(found))
        answer = await room.call(context, operation.name, values)
        return speech.encode(operation, answer, context.request_id)

    def _refuse(self, error: Exception, request: Request, target: Target | None, request_id: str) -> Response:
        service = target.service.name if target else ""
        refusal = refusals.expected(error)
        if refusal is None:
            log.error("request %s (%s) failed", request_id, refusals.describe(request), exc_info=error)
            refusal = refusals.internal(service)
        try:
            response = _encode_refusal(refusal, target, error, request_id)
        except Exception:
            log.exception("request %s (%s): its error could not be encoded", request_id, refusals.describe(request))
            return Response(500, {"x-amzn-requestid": request_id})
        for name, value in refusal.headers.items():
            response.headers[name] = value
        return response

    def _site_of(self, head: Request) -> Site | None:
        for site in self._sites:
            if site.serves(head):
                return site
        return None

    async def _answer_site(self, site: Site, request: Request, request_id: str) -> Response:
        async def signer() -> Context | None:
            caller = await self._authenticator.authenticate(request, Style.REST, unsigned=True)
            if caller.signature is None:
                return None
            _check_scope(caller, "lambda", Style.REST)
            return self._context(request, caller, request_id)

        client, protocol = (request.client, request.protocol) if isinstance(request, Arrival) else ("", "HTTP/1.1")
        try:
            return await site.answer(Visit(request, request_id, client, protocol, signer))
        except Exception as error:
            return self._refuse(error, request, None, request_id)

    async def _answer_special(self, request: Request, request_id: str) -> Response:
        for special in self._special:
            if request.path.startswith(special.path):
                try:
                    if special.signed:
                        await self._authenticator.authenticate(request, Style.REST)
                    return await special.answer(request)
                except Exception as error:
                    return self._refuse(error, request, None, request_id)
        nothing = AwsError("NotFoundException", f"There is nothing at {request.path}.", 404)
        return self._refuse(nothing, request, None, request_id)


def _check_scope(caller: Caller, expected: str, style: Style) -> None:
    """Raise SignatureError when a verified signature is for another service than `expected`."""
    signature = caller.signature
    # A key proves nothing when it was not verified, so a stranger's scope may say anything.
    if signature is not None and signature.key:
        signed_for = SIGNING_ALIASES.get(signature.service, signature.service)
        if signed_for != expected:
            raise sigv4_errors.invalid(style, f"Credential should be scoped to correct service: '{expected}'. ")


def _target_of(head: Request) -> Target | None:
    """What a request is for as far as its head tells; query services name their operation only in the body."""
    try:
        return identify(head)
    except (UnknownService, UnknownOperation):
        return None


def _encode_refusal(refusal: AwsError, target: Target | None, error: Exception, request_id: str) -> Response:
    operation = target.operation if target else None
    if target:
        service, protocol = target.service, target.protocol
    elif isinstance(error, UnknownOperation):
        service, protocol = load_service(error.service), error.protocol
    else:
        # Nobody knows whom the client meant; JSON is what most clients can read.
        service, protocol = load_service("lambda"), "rest-json"
    return codec(protocol).encode_error(
        operation,
        service,
        refusal.code,
        refusal.message,
        refusal.status,
        refusal.sender_fault,
        refusal.fields,
        request_id,
    )


def _violations(operation: OperationModel, values: Values, own_checks: frozenset[str]) -> list[str]:
    """What breaks the model's constraints, but for the members that the room checks itself."""
    if operation.input is None:
        return []
    if not own_checks:
        return violations(operation.input, values)
    found = violations(operation.input, {name: value for name, value in values.items() if name not in own_checks})
    # Left out above, such a member is reported as missing when the model requires it.
    left_out = tuple(f"Value null at '{name[:1].lower()}{name[1:]}' " for name in own_checks)
    return [text for text in found if not text.startswith(left_out)]


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
