#!/bin/sh
# Builds the image, checks its size and lists what is in it (SPDX) beside an archive of it in .run/image.
#   TAG (amends:<version>)   BASE   ENGINE: docker, podman or buildah, with its global options   BUILD_OPTIONS
set -eu
cd "$(dirname "$0")/.."
LIMIT_MB=250

fail() {
    echo "amends: $1" >&2
    exit 1
}

if [ -z "${ENGINE:-}" ]; then
    for ENGINE in docker podman buildah ""; do command -v "$ENGINE" >/dev/null 2>&1 && break; done
    [ -n "$ENGINE" ] || fail "docker, podman or buildah is needed to build the image."
fi
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
TAG=${TAG:-amends:$version}
out=.run/image
mkdir -p "$out"

rm -f "$out/amends.tar" "$out/amends.spdx.json"
# shellcheck disable=SC2086
$ENGINE build ${BASE:+--build-arg BASE="$BASE"} ${BUILD_OPTIONS:-} -t "$TAG" -f deploy/Dockerfile .

case "$ENGINE" in
*buildah*) $ENGINE push --quiet "$TAG" "docker-archive:$out/amends.tar:$TAG" ;;
*podman*) $ENGINE save --quiet --format docker-archive -o "$out/amends.tar" "$TAG" ;;
*) $ENGINE save -o "$out/amends.tar" "$TAG" ;;
esac
megabytes=$(($(wc -c < "$out/amends.tar") / 1000000))
[ "$megabytes" -le "$LIMIT_MB" ] || fail "the image has $megabytes MB; more than $LIMIT_MB are not allowed."

syft=$(.venv/bin/python -m tests.chart.tools syft)
SYFT_CHECK_FOR_APP_UPDATE=false "$syft" scan -q "docker-archive:$out/amends.tar" -o "spdx-json=$out/amends.spdx.json"
packages=$(grep -o '"SPDXID": *"SPDXRef-Package' "$out/amends.spdx.json" | wc -l)
echo "$TAG: $megabytes MB in $out/amends.tar, $packages packages in $out/amends.spdx.json"
