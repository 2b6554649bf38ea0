"""The protocols behind one interface: `codec(name)` gives the codec of a protocol as the models name it."""

from __future__ import annotations

from tatami.wire.protocols.codec import Codec, MalformedRequest, UnknownMember, Values
from tatami.wire.protocols.ec2 import Ec2Codec
from tatami.wire.protocols.json import JsonCodec
from tatami.wire.protocols.query import QueryCodec
from tatami.wire.protocols.rest_json import RestJsonCodec
from tatami.wire.protocols.rest_xml import RestXmlCodec
from tatami.wire.protocols.rpc_v2_cbor import CborCodec

__all__ = ["Codec", "MalformedRequest", "UnknownMember", "Values", "codec"]

_CODECS: dict[str, Codec] = {
    "ec2": Ec2Codec(),
    "json": JsonCodec(),
    "query": QueryCodec(),
    "rest-json": RestJsonCodec(),
    "rest-xml": RestXmlCodec(),
    "smithy-rpc-v2-cbor": CborCodec(),
}


def codec(protocol: str) -> Codec:
    """The codec of `protocol` (rest-json, json, query, ec2, rest-xml, smithy-rpc-v2-cbor). Raises KeyError."""
    return _CODECS[protocol]
