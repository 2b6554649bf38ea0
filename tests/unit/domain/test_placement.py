"""Placement, driven at random against its invariants."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from tatami.domain.placement import Action, Assign, Placement, Start, Stop


class PlacementMachine(RuleBasedStateMachine):
    """Invocations come, are given up and end; environments start, fail, die and grow old."""

    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement(limit=4)
        self.now = 0.0
        self.number = 0
        self.starting: set[int] = set()
        self.running: dict[int, str] = {}
        self.idle: set[int] = set()
        self.open: set[str] = set()
        self.served: set[str] = set()

    def perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Start(environment):
                    assert environment not in self.starting | self.idle | set(self.running)
                    self.starting.add(environment)
                case Assign(invocation, environment):
                    assert environment in self.idle, "only a ready environment takes an invocation"
                    assert invocation in self.open, "a cancelled invocation is not run"
                    assert invocation not in self.served, "no invocation runs twice"
                    self.idle.discard(environment)
                    self.running[environment] = invocation
                    self.open.discard(invocation)
                    self.served.add(invocation)
                case Stop(environment):
                    assert environment in self.idle, "only an idle environment is stopped"
                    self.idle.discard(environment)

    @rule(target=waiting)
    def submit(self) -> str:
        self.number += 1
        invocation = f"i{self.number}"
        self.open.add(invocation)
        self.perform(self.placement.submit(invocation))
        return invocation

    @rule(invocation=consumes(waiting))
    def cancel(self, invocation: str) -> None:
        self.open.discard(invocation)
        self.perform(self.placement.cancel(invocation))

    @precondition(lambda self: self.starting)
    @rule(data=st.data(), succeeds=st.booleans())
    def start_ends(self, data: st.DataObject, succeeds: bool) -> None:
        environment = data.draw(st.sampled_from(sorted(self.starting)))
        self.starting.discard(environment)
        if succeeds:
            self.idle.add(environment)
            self.perform(self.placement.started(environment, self.now))
        else:
            self.perform(self.placement.lost(environment))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), survives=st.booleans())
    def invocation_ends(self, data: st.DataObject, survives: bool) -> None:
        environment = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[environment]
        if survives:
            self.idle.add(environment)
            self.perform(self.placement.finished(environment, self.now))
        else:
            self.perform(self.placement.lost(environment))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def answers(self, data: st.DataObject) -> None:
        self.perform(self.placement.answered(data.draw(st.sampled_from(sorted(self.running)))))

    @precondition(lambda self: self.placement.settling)
    @rule(data=st.data())
    def takes_long_after_its_answer(self, data: st.DataObject) -> None:
        self.perform(self.placement.overdue(data.draw(st.sampled_from(sorted(self.placement.settling)))))

    @precondition(lambda self: self.idle)
    @rule(data=st.data())
    def idle_one_dies(self, data: st.DataObject) -> None:
        environment = data.draw(st.sampled_from(sorted(self.idle)))
        self.idle.discard(environment)
        self.perform(self.placement.lost(environment))

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.perform(self.placement.reap(self.now - 50))

    @rule()
    def retire(self) -> None:
        self.perform(self.placement.retire())

    @invariant()
    def never_more_environments_than_the_limit(self) -> None:
        assert len(self.starting) + len(self.running) + len(self.idle) <= 4
        assert self.placement.environments == len(self.starting) + len(self.running) + len(self.idle)

    @invariant()
    def whoever_waits_has_something_to_wait_for(self) -> None:
        if self.open:
            assert self.starting or self.running
            assert not self.idle

    @invariant()
    def only_busy_ones_settle(self) -> None:
        assert self.placement.settling <= set(self.running)

    @invariant()
    def a_retired_pool_keeps_no_idle_environment(self) -> None:
        assert not (self.placement.retired and self.idle)


PlacementMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPlacement = PlacementMachine.TestCase


def test_the_most_recently_used_environment_is_reused() -> None:
    placement = Placement(limit=10)
    for invocation in ("a", "b"):
        placement.submit(invocation)
    placement.started(1, now=1.0)
    placement.started(2, now=2.0)
    placement.finished(2, now=3.0)
    placement.finished(1, now=4.0)
    assert placement.submit("c") == [Assign("c", 1)]


def test_the_longest_idle_environment_is_reaped_first() -> None:
    placement = Placement(limit=10)
    for invocation in ("a", "b"):
        placement.submit(invocation)
    placement.started(1, now=0.0)
    placement.started(2, now=0.0)
    placement.finished(1, now=10.0)
    placement.finished(2, now=20.0)
    assert placement.reap(idle_since=15.0) == [Stop(1)]
    assert placement.reap(idle_since=15.0) == []


def test_an_environment_that_starts_serves_whoever_is_first_not_who_caused_it() -> None:
    placement = Placement(limit=10)
    assert placement.submit("first") == [Start(1)]
    assert placement.submit("second") == [Start(2)]
    assert placement.started(2, now=0.0) == [Assign("first", 2)]


def test_a_cancelled_invocation_leaves_its_start_to_the_next() -> None:
    placement = Placement(limit=10)
    placement.submit("gone")
    placement.cancel("gone")
    assert placement.submit("next") == []
    assert placement.started(1, now=0.0) == [Assign("next", 1)]


def test_a_call_right_after_an_answer_waits_for_the_warm_environment() -> None:
    placement = Placement(limit=10)
    placement.submit("a")
    placement.started(1, now=0.0)
    placement.answered(1)
    assert placement.submit("b") == []
    assert placement.finished(1, now=1.0) == [Assign("b", 1)]


def test_an_environment_that_works_on_after_its_answer_is_not_waited_for() -> None:
    placement = Placement(limit=10)
    placement.submit("a")
    placement.started(1, now=0.0)
    placement.answered(1)
    assert placement.submit("b") == []
    assert placement.overdue(1) == [Start(2)]
