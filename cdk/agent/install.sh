#!/bin/bash
# Makes a machine an agent of a cluster: a release, settings and systemd units below DESTDIR (empty: the machine itself).
#
#   MESETA_URL=https://… MESETA_REGION=… [MESETA_GROUP=…] [MESETA_ATTRIBUTES=…]
#   [MESETA_RELEASE=… MESETA_RELEASE_PARAMETER=…]  install.sh BUNDLE_DIR NODE_BINARY
#
# MESETA_RELEASE says where these files came from; what the parameter of that name in SSM says later is put in their
# place by meseta-agent-update.timer. Run again it replaces settings and agent; tasks are kept by a unit of their own.
set -euo pipefail

scripts=$(dirname "$(readlink -f "$0")")
# shellcheck source=release.sh
. "$scripts/release.sh"

[ -n "${MESETA_URL:-}" ] || die "MESETA_URL is not set: the address of the control plane"
[ -n "${MESETA_REGION:-}" ] || die "MESETA_REGION is not set: the region of the cluster"

before=$(current_release)
place_release "${1:-}" "$scripts" "${2:-}" "${MESETA_RELEASE:-}"
install -d -m 755 "$root/etc/meseta"
install -d -m 711 "$root/var/lib/meseta"

umask 077
cat >"$root/etc/meseta/agent.env.new" <<SETTINGS
MESETA_URL=$MESETA_URL
AWS_REGION=$MESETA_REGION
MESETA_GROUP=${MESETA_GROUP:-}
MESETA_ATTRIBUTES=${MESETA_ATTRIBUTES:-}
MESETA_RELEASE_PARAMETER=${MESETA_RELEASE_PARAMETER:-}
SETTINGS
mv "$root/etc/meseta/agent.env.new" "$root/etc/meseta/agent.env"
umask 022

switch_to "$release"

if [ -z "$root" ]; then
  systemctl daemon-reload
  # Never restarted here: stopping it ends all tasks.
  systemctl enable --now meseta-tasks.service
  systemctl enable meseta-agent.service
  systemctl restart meseta-agent.service
  [ -z "${MESETA_RELEASE_PARAMETER:-}" ] || systemctl enable --now meseta-agent-update.timer
fi

forget_releases "$release" "$before"
