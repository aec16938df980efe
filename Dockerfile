# One file for the three services: docker build --target gateway . (or auth_service, posts_service). Each image holds
# its own folder, shared/ and the locked libraries; no compiler, no pip, no package manager, nothing that it could write
# to, and of the libraries neither Babel's data of languages that we don't speak nor what nothing imports
# (pyproject.toml). The last two, mailbox and develop, are for development alone.

FROM python:3.13-slim AS builder
# What strips the libraries of the symbols that are for a debugger: a third of their size.
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends binutils >/dev/null
COPY requirements.txt .
RUN python3 -m venv --without-pip /venv \
 && python3 -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r requirements.txt \
 && find /venv/lib -path '*/babel/locale-data/*' ! -name root.dat ! -name en.dat ! -name en_001.dat ! -name en_GB.dat \
        ! -name ko.dat -delete \
 && find /venv/lib -name '*.so' -exec strip --strip-unneeded {} + \
 && find /venv/lib \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' \) -delete \
 && rm -r /venv/lib/python3*/site-packages/sqlglot


# The base, but for what no service needs: its package manager, Perl, pip, tests, other character sets, documentation.
FROM python:3.13-slim AS slim
RUN dpkg --purge --force-remove-essential --force-remove-protected --force-depends apt perl-base >/dev/null 2>&1 \
 && cd / && rm -rf usr/local/lib/python3*/site-packages/pip* usr/lib/python3/dist-packages/* usr/share/python-wheels \
        usr/local/bin/pip* usr/bin/pip* usr/lib/*-linux-gnu/gconv usr/lib/*-linux-gnu/libapt-* usr/lib/*-linux-gnu/perl* \
        usr/share/doc usr/share/man usr/share/info usr/share/locale usr/share/perl* var/lib/dpkg/info var/cache/* var/lib/apt \
 && for each in ensurepip idlelib lib2to3 pydoc_data test tkinter turtledemo; do \
        rm -rf usr/lib/python3.*/$each usr/local/lib/python3.*/$each; done


# One layer, so that what was removed takes no space; all images share it.
FROM scratch AS base
COPY --from=slim / /
ENV PATH=/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app


FROM base AS runtime
ENV HOST=0.0.0.0 \
    DRAIN_SECONDS=4 \
    LOG_FORMAT=json
COPY --from=builder /venv /venv
COPY shared shared
# Which commit this is, for --version and the metrics: docker build --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=
RUN printf '%s' "$COMMIT" >COMMIT
# A number, so that an orchestrator can tell that it is not root. Nothing in the image belongs to it.
USER 10001:10001
# By the shell, as Python would take a tenth of a second of CPU to start, every time.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["bash", "-c", "\
exec 3<>/dev/tcp/127.0.0.1/$PORT && \
printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && \
read -r -t 2 _ status _ <&3 && [ \"$status\" = 200 ]"]


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


# Of its own, so that it is the same as before when nothing but the services has changed: it is to stay.
FROM base AS port_holder
COPY shared/__init__.py shared/
COPY shared/process/__init__.py shared/process/port_holder.py shared/process/unix_socket.py shared/process/
USER 10001:10001
EXPOSE 3000
CMD ["python", "-S", "-m", "shared.process.port_holder", "/run/port_holder/socket", "3000"]


FROM builder AS mailbox_builder
COPY deploy/mailbox/requirements.txt mailbox.txt
RUN python3 -m pip install --no-cache-dir --no-compile --require-hashes --target /libraries -r mailbox.txt


FROM runtime AS mailbox
COPY --from=mailbox_builder /libraries /libraries
COPY deploy/mailbox deploy/mailbox
ENV PYTHONPATH=/libraries PORT=8025
EXPOSE 2525 8025
CMD ["python", "-m", "deploy.mailbox", "--host", "0.0.0.0"]


# For work on the code alone, by deploy/develop.yml: what it runs is mounted.
FROM builder AS develop_builder
COPY deploy/develop/requirements.txt develop.txt
RUN python3 -m pip install --no-cache-dir --no-compile --require-hashes --target /libraries -r develop.txt


FROM runtime AS develop
COPY --from=develop_builder /libraries /libraries
ENV PATH=/libraries/bin:$PATH PYTHONPATH=/libraries
