"""GetCallerIdentity says what authentication found."""

from __future__ import annotations

import asyncio

from tests.recorded.calling import room_client

from tatami.frame.operation import Context
from tatami.services.sts.room import room


def test_the_caller_is_named() -> None:
    context = Context("000000000042", "eu-west-1", "r", "AKIA", "arn:aws:iam::000000000042:user/me", "AIDAX")
    assert asyncio.run(room().call(context, "GetCallerIdentity", {})) == {
        "Account": "000000000042",
        "Arn": "arn:aws:iam::000000000042:user/me",
        "UserId": "AIDAX",
    }


def test_the_real_client_reads_the_answer() -> None:
    context = Context("000000000042", "eu-west-1", "r", "AKIA", "arn:aws:iam::000000000042:user/me", "AIDAX")
    with asyncio.Runner() as runner:
        answer = room_client(room(), context, runner).get_caller_identity()
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert answer == {"Account": "000000000042", "Arn": "arn:aws:iam::000000000042:user/me", "UserId": "AIDAX"}


def test_nothing_else_is_offered() -> None:
    assert set(room().operations) == {"GetCallerIdentity"}
