#!/bin/sh
# Starts one of the programs from a checkout: launch.sh PROGRAM ARGS…  Sets the checkout up first; costs little when there is nothing to do.
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
program=$1
shift
command -v node >/dev/null 2>&1 || { echo "berth: no Node to start from; run: apt-get install -y nodejs npm" >&2; exit 1; }
case "$program" in
  berth) node "$root/scripts/setup.mjs" system build ;;
  *) node "$root/scripts/setup.mjs" build ;;
esac
# Young objects get room to die in: a busy server spends half as long on collections. At rest it gives the room back.
exec "$root/node_modules/.bin/node" $(cat "$root/scripts/node-flags") "$root/dist/$program.js" "$@"
