#!/bin/bash
# Stand-ins for the images python:3.13-slim, postgres:17 and caddy:2, for a machine that reaches no image registry but has
# Debian's packages: made with debootstrap from Debian 13, whose Python is 3.13 and whose PostgreSQL is 17.
#
# An image that is there is left alone, and one that can be pulled is pulled: so it is safe to run anywhere, as root.
# They honour what this project uses of the real ones, no more:
#   python     python, python3 and pip in PATH; the machine's certificates, so that pip reaches what it reaches outside
#   postgres   user postgres (999), PGDATA as a volume, POSTGRES_INITDB_ARGS, POSTGRES_PASSWORD, *.sh in
#              /docker-entrypoint-initdb.d on an empty volume while the server answers only on its socket, SIGINT to stop
#   caddy      caddy and wget in PATH, /etc/caddy/Caddyfile, /data and /config
set -euo pipefail

PYTHON=python:3.13-slim
POSTGRES=postgres:17
CADDY=caddy:2
BASE=gatepost/debian:trixie
PULL_SECONDS=20

main() {
    missing=()
    for image in "$PYTHON" "$POSTGRES" "$CADDY"; do
        find_or_pull "$image" || missing+=("$image")
    done
    [ ${#missing[@]} -gt 0 ] || exit 0
    echo "Making stand-ins for ${missing[*]} from Debian's packages"
    command -v debootstrap >/dev/null || { echo "debootstrap is not installed" >&2; exit 1; }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    docker image inspect "$BASE" >/dev/null 2>&1 || make_base
    for image in "${missing[@]}"; do
        case $image in
            "$PYTHON") make_python ;;
            "$POSTGRES") make_postgres ;;
            "$CADDY") make_caddy ;;
        esac
    done
}

find_or_pull() {
    docker image inspect "$1" >/dev/null 2>&1 || timeout "$PULL_SECONDS" docker pull --quiet "$1" >/dev/null 2>&1
}

make_base() {
    # Without a mirror named, debootstrap takes its own.
    debootstrap --variant=minbase --include=ca-certificates trixie "$work/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/log" 2>&1 ||
        { tail -20 "$work/log" >&2; exit 1; }
    copy_certificates
    slim_down
    tar -C "$work/root" -c . | docker import - "$BASE" >/dev/null
}

copy_certificates() {
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
}

# What nobody reads in a container.
slim_down() {
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* "$work"/root/var/cache/debconf/*-old
    rm -rf "$work"/root/usr/share/{doc,info,lintian,locale,man}/*
    cat >"$work/root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
}

make_python() {
    build "$PYTHON" <<'END'
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends python3 python3-venv python3-pip \
 && ln -s python3 /usr/bin/python \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >/etc/pip.conf
CMD ["python3"]
END
}

make_postgres() {
    write_entrypoint >"$work/docker-entrypoint.sh"
    build "$POSTGRES" <<'END'
ENV PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
RUN groupadd --gid 999 postgres \
 && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres \
 && apt-get update -qq \
 && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && apt-get install -qq --yes --no-install-recommends postgresql-17 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && install -d -o postgres -g postgres -m 1777 "$PGDATA" \
 && install -d -o postgres -g postgres -m 3777 /var/run/postgresql
COPY --chown=0:0 docker-entrypoint.sh /usr/local/bin/
RUN chmod 755 /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
END
}

make_caddy() {
    build "$CADDY" <<'END'
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends caddy busybox \
 && ln -s /bin/busybox /usr/local/bin/wget \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && mkdir -p /config/caddy /data/caddy
EXPOSE 80 443
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
END
}

# build IMAGE, with the Dockerfile but its FROM on stdin.
build() {
    { echo "FROM $BASE"; echo "ENV DEBIAN_FRONTEND=noninteractive"; cat; } >"$work/Dockerfile"
    echo root >"$work/.dockerignore"
    docker build --quiet --tag "$1" "$work" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
    echo "made $1"
}

write_entrypoint() {
    cat <<'END'
#!/bin/bash
# A stand-in for the entrypoint of the official image, as far as it is used here.
set -eo pipefail
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    [ -n "$POSTGRES_PASSWORD" ] || { echo "POSTGRES_PASSWORD is not set" >&2; exit 1; }
    [ "$(id -u)" != 0 ] || { echo "run it with --user 999" >&2; exit 1; }
    chmod 700 "$PGDATA"
    eval "initdb --pgdata=\"$PGDATA\" --username=postgres --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") $POSTGRES_INITDB_ARGS"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    sed -i "s/^#listen_addresses.*/listen_addresses = '*'/" "$PGDATA/postgresql.conf"
    pg_ctl --pgdata="$PGDATA" -o "-c listen_addresses=''" -w start
    for script in /docker-entrypoint-initdb.d/*.sh; do
        [ ! -f "$script" ] || { echo "$0: running $script"; bash "$script"; }
    done
    pg_ctl --pgdata="$PGDATA" -m fast -w stop
fi
exec "$@"
END
}

main
