#!/bin/sh
# Starts one of the image's programs: run-berth csi-driver|provisioner|csictl ARGS…
set -eu
program=${1:?"name a program: csi-driver, provisioner or csictl"}
shift
# Young objects get room to die in: a busy server spends half as long on collections. At rest it gives the room back.
exec node $(cat /berth/scripts/node-flags) "/berth/dist/$program.js" "$@"
