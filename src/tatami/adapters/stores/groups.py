"""Group commit: many works, one COMMIT.

A flush to the disk takes as long for one transaction as for a hundred, so all works that wait are run in one SQLite
transaction, each in a savepoint of its own:

    BEGIN · SAVEPOINT work RELEASE · SAVEPOINT work ROLLBACK TO RELEASE (this one raised) · ... · COMMIT

Three things can still spoil it for the neighbours, and each is answered here:

* The disk is full or broken. Nothing of the group remains and every caller gets StoreFull.
* A work ends the whole transaction by SQL (`ON CONFLICT ROLLBACK`, `RAISE(ROLLBACK)`), or a deferred foreign key fails
  at COMMIT. Then nobody's work is in, and each is run again in a transaction of its own, where only the guilty one
  fails. The port allows the second run.
* COMMIT fails in the flush, after its last page reached the log. SQLite forgets the transaction, but a crash
  before the next write could find it complete in the log and bring it back. So the log is emptied at once. When
  the disk refuses that too, the next commit overwrites it; until then a crash may still bring the refused group back.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Sequence
from typing import Any

import apsw

from tatami.adapters.stores.session import STORAGE_FAILURES, Session, SqliteWork
from tatami.ports.store import StoreFull


class Job:
    """One work, the context it runs in, and what became of it."""

    __slots__ = ("context", "error", "result", "work")

    def __init__(self, work: SqliteWork[Any]) -> None:
        self.work = work
        self.context = contextvars.copy_context()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, session: Session) -> None:
        """Run the work in the transaction that is open."""
        self.result, self.error = None, None
        try:
            self.result = self.context.run(session.drive, self.work, writes=True)
        except BaseException as error:
            self.error = error


class _GroupLostError(Exception):
    """SQLite ended the transaction, for no fault of the disk."""


def run_group(session: Session, jobs: Sequence[Job]) -> None:
    """Run and commit `jobs`; afterwards each holds its result or its error, and no transaction is open."""
    try:
        _run_together(session, jobs)
    except STORAGE_FAILURES as error:
        _abandon(session, jobs, error)
    except _GroupLostError:
        session.roll_back()
        for job in jobs:
            run_group(session, [job])
    except BaseException as error:
        session.roll_back()
        for job in jobs:
            job.error = job.error or error


def _run_together(session: Session, jobs: Sequence[Job]) -> None:
    session.run("BEGIN IMMEDIATE /* group */")
    if len(jobs) == 1:
        _run_alone(session, jobs[0])
        return
    for job in jobs:
        session.run("SAVEPOINT work")
        job.run(session)
        _check(session)
        if not session.connection.in_transaction:
            raise _GroupLostError
        if job.error is not None:
            session.run("ROLLBACK TO work")
        session.run("RELEASE work")
    try:
        session.run("COMMIT /* group */")
    except apsw.ConstraintError as error:
        raise _GroupLostError from error


def _run_alone(session: Session, job: Job) -> None:
    """One work needs no savepoint: the transaction is its own."""
    job.run(session)
    _check(session)
    if job.error is not None:
        session.roll_back()
    elif not session.connection.in_transaction:
        raise RuntimeError("the work ended its own transaction by SQL and hid the error")
    else:
        session.run("COMMIT /* group */")


def _check(session: Session) -> None:
    """A storage failure ends the group, also one that the work swallowed: SQLite may have dropped the transaction."""
    if session.storage_failure is not None:
        raise session.storage_failure


def _abandon(session: Session, jobs: Sequence[Job], error: apsw.Error) -> None:
    with contextlib.suppress(apsw.Error):  # ROLLBACK in WAL mode writes nothing; it can only repeat the failure
        session.roll_back()
    _empty_log(session)
    for job in jobs:
        job.result = None
        job.error = StoreFull(f"nothing was written: {error}")
        job.error.__cause__ = error


def _empty_log(session: Session) -> None:
    with contextlib.suppress(apsw.Error):  # the disk may refuse this as well; the next commit overwrites the pages
        session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
