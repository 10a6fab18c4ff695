#!/bin/sh
# Starts one of the image's programs: run-berth csi-driver|provisioner|csictl ARGS…
set -eu
program=${1:?"name a program: csi-driver, provisioner or csictl"}
shift
# Left alone, V8 lets the heap grow to several times what is in use before it collects.
exec node $(cat /berth/scripts/node-flags) "/berth/dist/$program.js" "$@"
