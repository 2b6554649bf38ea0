"""The table of operations is true."""

from __future__ import annotations

from tools.operations import PAGE, built, page

from tatami.wire.models import load_service


def test_the_page_is_what_the_rooms_say() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_every_operation_is_one_of_the_model_and_says_what_it_needs() -> None:
    for service, operations in built().items():
        model = load_service(service).operations
        for name, operation in operations.items():
            assert name in model
            assert operation.action.partition(":")[0] == service
