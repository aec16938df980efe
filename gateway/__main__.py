"""``python -m gateway`` runs the gateway."""

from gateway.app import accept, create_app
from gateway.settings import GatewaySettings
from shared.process.server import serve

if __name__ == "__main__":
    serve("gateway", GatewaySettings, create_app, protocol=accept)
