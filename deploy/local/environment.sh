#!/bin/sh
# Makes .venv from requirements.lock, every file verified by its hash. Safe to interrupt and to repeat: downloads stay
# in the user's cache, and .venv/.ready, written last, holds the folder that the environment belongs to.
set -eu
cd "$(dirname "$0")/../.."

fail() {
    echo "amends: $1" >&2
    exit 1
}

find_python() {
    lacks_venv=""
    for name in python3 python3.13 python3.12 python3.11 python3.14; do
        found=$(command -v "$name" 2>/dev/null) || continue
        version=$("$found" -c 'import sys; sys.version_info >= (3, 11) and print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        [ -n "$version" ] || continue
        if "$found" -c 'import ensurepip, venv' 2>/dev/null; then
            python=$found
            return
        fi
        lacks_venv=${lacks_venv:-$version}
    done
    [ -z "$lacks_venv" ] || fail "Python $lacks_venv is here without its venv module: apt-get install python$lacks_venv-venv"
    fail "Python 3.11 or later is needed: apt-get install python3 python3-venv"
}

# A copied or moved checkout: the programs in .venv still point to the old place.
if [ -f .venv/.ready ] && [ "$(cat .venv/.ready)" != "$PWD" ]; then
    rm -rf .venv
fi

if ! .venv/bin/python -m pip --version >/dev/null 2>&1 && ! [ -x .venv/bin/uv ]; then
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 1500 ] || fail "Only $free MiB are free in $PWD: the environment and its data need 1500."
    find_python
    echo "Making the environment with $python …" >&2
    "$python" -m venv .venv || fail "$python could not make .venv in $PWD: see the lines above."
fi

export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS-true}" # a company's own certificate authority is known to the system only
offline="could not be installed: check the network and the disk, then run make again (what was fetched is kept)."
if ! [ -x .venv/bin/uv ]; then
    awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements.lock > .venv/uv.lock
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock ||
        fail "uv $offline"
fi
# Compiled now, because each of a dozen processes would compile anew where Python may not write its cache.
.venv/bin/uv pip install --python .venv/bin/python --compile-bytecode --require-hashes -r requirements.lock || fail "The environment $offline"
.venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation --offline -e . ||
    fail "The project could not be installed into .venv: see the lines above."
.venv/bin/python -m compileall -q services shared deploy
echo "$PWD" > .venv/.ready
