"""The table of known services says what botocore's models say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tatami.wire.models import UnknownServiceModel, load_service
from tatami.wire.service_table import SERVICES, Entry


@pytest.mark.parametrize("entry", SERVICES, ids=lambda entry: entry.name)
def test_table_agrees_with_the_models(entry: Entry) -> None:
    service = load_service(entry.name)
    assert entry == (
        service.name,
        service.signing_name,
        service.endpoint_prefix,
        service.target_prefix or "",
        service.api_version,
        service.protocols,
    )


def test_unknown_services_are_refused() -> None:
    for name in ("nothing", "../lambda", ""):
        with pytest.raises(UnknownServiceModel):
            load_service(name)


def test_botocore_is_not_imported() -> None:
    code = (
        "import sys; from tatami.wire import routing, validation, protocols\n"
        "from tatami.wire.models import load_service\n"
        "load_service('lambda'); assert not [name for name in sys.modules if name.startswith('botocore')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
