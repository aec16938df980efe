"""``python -m gateway`` runs the gateway."""

from gateway.app import create_app
from gateway.settings import GatewaySettings
from gateway.wire.fast_protocol import FastGatewayProtocol
from shared.server import serve

if __name__ == "__main__":
    serve("gateway", GatewaySettings, create_app, protocol=FastGatewayProtocol)
