#!/bin/sh
# Installs Debian packages, one ./dev at a time; fails where apt or the rights for it are missing.
ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$ROOT/tools/runtime.sh"
with_lock apt apt_install "$@"
