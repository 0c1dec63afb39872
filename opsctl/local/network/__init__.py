"""The local cloud's network: who may connect to whom, and the listener that passes connections on.

network = network_of(cloud)
source = network.source_of(peer, local)             # which instance, function or stranger connects
target = network.target(account_id, region, group_ids, address)
allows(source, target, 3306)
forwarder = Forwarder(admit, choose)
"""

from opsctl.local.network.forwarder import Address, Destination, Forwarder, Traffic
from opsctl.local.network.network import Network, network_of
from opsctl.local.network.rules import OUTSIDE, Rule, Source, Target, allows

__all__ = [
    "OUTSIDE", "Address", "Destination", "Forwarder", "Network", "Rule", "Source", "Target", "Traffic", "allows",
    "network_of",
]  # fmt: skip
