# One file for the three services: docker build --target gateway . (or auth_service, posts_service). Each image holds
# its own folder, shared/ and the locked libraries; no compiler, no pip of ours, nothing that it could write to, and of
# the libraries neither Babel's data of languages that we don't speak nor what nothing imports (pyproject.toml). The last
# one, mailbox, is for development alone.

FROM python:3.13-slim AS builder
COPY requirements.txt .
RUN python3 -m venv --without-pip /venv \
 && python3 -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r requirements.txt \
 && find /venv/lib -path '*/babel/locale-data/*' ! -name root.dat ! -name en.dat ! -name en_001.dat ! -name en_GB.dat \
        ! -name ko.dat -delete \
 && rm -r /venv/lib/python3*/site-packages/sqlglot


FROM python:3.13-slim AS runtime
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DRAIN_SECONDS=4 \
    LOG_FORMAT=json
WORKDIR /app
COPY --from=builder /venv /venv
COPY shared shared
# A number, so that an orchestrator can tell that it is not root. Nothing in the image belongs to it.
USER 10001:10001
HEALTHCHECK --interval=3s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-S", "-c", "\
import http.client, os, sys; \
gate = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); \
gate.request('GET', '/readyz'); \
sys.exit(gate.getresponse().status != 200)"]



FROM runtime AS auth_service
COPY auth_service auth_service
ENV PORT=8001 METRICS_PORT=8101
EXPOSE 8001
CMD ["python", "-m", "auth_service"]


FROM runtime AS posts_service
COPY posts_service posts_service
ENV PORT=8002 METRICS_PORT=8102
EXPOSE 8002
CMD ["python", "-m", "posts_service"]


FROM runtime AS gateway
COPY gateway gateway
ENV PORT=3000 METRICS_PORT=3100
EXPOSE 3000
CMD ["python", "-m", "gateway"]


FROM builder AS mailbox_builder
COPY deploy/mailbox/requirements.txt mailbox.txt
RUN python3 -m pip install --no-cache-dir --no-compile --require-hashes --target /libraries -r mailbox.txt


FROM runtime AS mailbox
COPY --from=mailbox_builder /libraries /libraries
COPY deploy/mailbox deploy/mailbox
ENV PYTHONPATH=/libraries PORT=8025
EXPOSE 2525 8025
CMD ["python", "-m", "deploy.mailbox", "--host", "0.0.0.0"]
