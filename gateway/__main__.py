"""``python -m gateway`` runs the gateway; with ``doctor`` it looks at what the gateway depends on.

``python -m gateway.explain`` says what it does with a request, and checks a policy.
"""

from gateway.app import accept, create_app
from gateway.doctor import examine
from gateway.settings import GatewaySettings
from shared.auth_events.contract import GATEWAY
from shared.command_line.dispatch import run_service
from shared.doctor.command import build_doctor

if __name__ == "__main__":
    run_service(GATEWAY, GatewaySettings, create_app, [build_doctor(GATEWAY, GatewaySettings, examine)], accept)
