"""The proxies that people would use instead, and how each is set for speed: one worker, keep-alive on both sides.

nginx forwards, or asks a verifier first (``auth_request``); HAProxy verifies the access token itself: algorithm,
signature and expiry (``jwt_verify``, since 2.5). Request logs are off unless the run asks for them, and then on in all.
"""

from pathlib import Path

from tests.benchmarks.processes import get_program

_NGINX = """
worker_processes 1;
daemon off;
pid {directory}/pid;
error_log stderr warn;
user root;
events {{ worker_connections 1024; }}
http {{
    access_log {access_log};
    keepalive_requests 100000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    upstream service {{ server 127.0.0.1:{upstream}; {keepalive} }}
    {verifier}
    server {{
        listen 127.0.0.1:{port};
        location / {{ {guard} proxy_pass http://service; }}
        {guard_location}
    }}
}}
"""
_NGINX_KEEPALIVE = "keepalive 64; keepalive_requests 100000000; keepalive_timeout 3s;"
_NGINX_GUARD = """
        location = /_verify {
            internal;
            proxy_pass http://verifier/;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Connection "";
        }
"""

_HAPROXY = """
global
    nbthread 1
    maxconn 1024
    {log_target}
defaults
    mode http
    http-reuse always
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    {log}
frontend entrance
    bind 127.0.0.1:{port}
    http-request set-var(txn.algorithm) http_auth_bearer,jwt_header_query('$.alg')
    http-request set-var(txn.expiry) http_auth_bearer,jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.algorithm) -m str HS256 }}
    http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.algorithm,"{secret}") -m int 1 }}
    http-request deny deny_status 401 unless {{ var(txn.expiry),sub(txn.now) -m int gt 0 }}
    default_backend service
backend service
    server service 127.0.0.1:{upstream} pool-purge-delay 3s
"""


def prepare_nginx(
    directory: Path, *, port: int, upstream: int, verifier: int | None = None, logs_requests: bool = False
) -> list[str]:
    """Write nginx' settings and return its command. With ``verifier``, a port, each request is verified there first."""
    directory.mkdir()
    settings = directory / "nginx.conf"
    asks = f"upstream verifier {{ server 127.0.0.1:{verifier}; {_NGINX_KEEPALIVE} }}"
    text = _NGINX.format(
        directory=directory,
        access_log=f"{directory}/requests.log" if logs_requests else "off",
        port=port,
        upstream=upstream,
        keepalive=_NGINX_KEEPALIVE,
        verifier=asks if verifier else "",
        guard="auth_request /_verify;" if verifier else "",
        guard_location=_NGINX_GUARD if verifier else "",
    )
    settings.write_text(text, encoding="ascii")
    return [get_program("nginx"), "-p", str(directory), "-e", "stderr", "-c", str(settings)]


def prepare_haproxy(
    directory: Path, *, port: int, upstream: int, secret: str, logs_requests: bool = False
) -> list[str]:
    """Write HAProxy's settings and return its command."""
    directory.mkdir()
    settings = directory / "haproxy.cfg"
    text = _HAPROXY.format(
        log_target="log stdout format raw local0" if logs_requests else "",
        log="log global\n    option httplog" if logs_requests else "",
        port=port,
        upstream=upstream,
        secret=secret,
    )
    settings.write_text(text, encoding="ascii")
    return [get_program("haproxy"), "-db", "-f", str(settings)]
