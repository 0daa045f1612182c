#!/bin/bash
# Starts the agent of the release this file is in; the unit meseta-agent.service runs it.
set -euo pipefail

# The release itself and not `current`: what this process loads later is of the same release.
release=$(dirname "$(dirname "$(readlink -f "$0")")")

attributes=${MESETA_ATTRIBUTES:-}
[ -z "${MESETA_GROUP:-}" ] || attributes="group:$MESETA_GROUP${attributes:+;$attributes}"

# Additive: a new release may find more of a machine than the last one did.
exec "$release/node" "$release/bundle/main.mjs" \
  --master "${MESETA_URL%/}" \
  --work-dir "${MESETA_WORK_DIR:-/var/lib/meseta}" \
  --attributes "$attributes" \
  --instance-metadata require \
  --reconfiguration-policy additive \
  --tasks-cgroup "${MESETA_TASKS_CGROUP:-/sys/fs/cgroup/meseta.slice/meseta-tasks.service}" \
  --ready-file "${RUNTIME_DIRECTORY:-/run/meseta}/ready.json"
