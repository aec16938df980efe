#!/bin/sh
# Write the list of parts (CycloneDX 1.6, JSON) of what the images hold beside our own code: the libraries of
# requirements.txt with their hashes. Usage: sbom.sh CYCLONEDX-PY OUTPUT. The same locks give the same bytes.
# What the base image holds is not in it: ask whoever made the image.
set -eu
cd "$(dirname "$0")/.."
PYTHONWARNINGS=ignore "$1" requirements requirements.txt --pyproject pyproject.toml --spec-version 1.6 \
    --output-reproducible --output-format JSON --output-file "$2"
