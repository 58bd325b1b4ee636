#!/bin/sh
# Brings the Debian packages of tests/packages.txt. Without root nothing is changed: one line says what is missing, and
# the tests that need it say so too.
set -eu
cd "$(dirname "$0")"
command -v dpkg-query >/dev/null || exit 0
missing=""
for name in $(sed 's/#.*//' packages.txt); do
    case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) in
        installed) ;;
        *) missing="$missing $name" ;;
    esac
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "Some tests are left out until somebody runs: apt-get install$missing" >&2
    exit 0
fi
echo "Installing Debian packages for tests:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# A service that a package brings must not start: tests start their own on loopback.
printf '#!/bin/sh\nexit 101\n' > /tmp/policy-rc.d.$$ && chmod 755 /tmp/policy-rc.d.$$
[ -e /usr/sbin/policy-rc.d ] || { mv /tmp/policy-rc.d.$$ /usr/sbin/policy-rc.d; ours=1; }
trap 'rm -f /tmp/policy-rc.d.$$; [ -z "${ours:-}" ] || rm -f /usr/sbin/policy-rc.d' EXIT
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
