#!/bin/bash
# Makes a machine an agent of a cluster: files, settings and systemd units below DESTDIR (empty: the machine itself).
#
#   MESETA_URL=https://…  MESETA_REGION=…  [MESETA_GROUP=…] [MESETA_ATTRIBUTES=…]  install.sh BUNDLE_DIR NODE_BINARY
#
# Run again with a newer bundle it replaces the agent in place: tasks are kept by a unit of their own.
set -euo pipefail

die() { echo "install.sh: $*" >&2; exit 1; }

bundle=${1:-}
node=${2:-}
[ -f "$bundle/main.mjs" ] || die "there is no agent bundle in '$bundle'; npm run bundle makes dist/agent"
[ -x "$node" ] || die "'$node' is no program; the second argument is Node 24"
[ -n "${MESETA_URL:-}" ] || die "MESETA_URL is not set: the address of the control plane"
[ -n "${MESETA_REGION:-}" ] || die "MESETA_REGION is not set: the region of the cluster"

root=${DESTDIR:-}
units=$(cd "$(dirname "$0")" && pwd)
install -d -m 755 "$root/opt/meseta/bin" "$root/etc/meseta" "$root/etc/systemd/system"
install -d -m 711 "$root/var/lib/meseta"

# A whole new folder, put in place by one rename: an agent that starts meanwhile sees the old or the new one.
release="$root/opt/meseta/agent-$(date +%s)-$$"
install -d -m 755 "$release"
cp -R "$bundle/." "$release/"
ln -sfn "$(basename "$release")" "$root/opt/meseta/agent.new"
mv -T "$root/opt/meseta/agent.new" "$root/opt/meseta/agent"
install -m 755 "$node" "$root/opt/meseta/bin/node.new"
mv "$root/opt/meseta/bin/node.new" "$root/opt/meseta/bin/node"
install -m 755 "$units/agent-start.sh" "$root/opt/meseta/bin/agent-start"

umask 077
cat >"$root/etc/meseta/agent.env" <<SETTINGS
MESETA_URL=$MESETA_URL
AWS_REGION=$MESETA_REGION
MESETA_GROUP=${MESETA_GROUP:-}
MESETA_ATTRIBUTES=${MESETA_ATTRIBUTES:-}
SETTINGS
umask 022

for unit in meseta.slice meseta-tasks.service meseta-agent.service; do
  install -m 644 "$units/$unit" "$root/etc/systemd/system/$unit"
done

if [ -z "$root" ]; then
  systemctl daemon-reload
  # Never restarted here: stopping it ends all tasks.
  systemctl enable --now meseta-tasks.service
  systemctl enable meseta-agent.service
  systemctl restart meseta-agent.service
fi

# What is older than the release before this one is nobody's any more.
find "$root/opt/meseta" -maxdepth 1 -type d -name 'agent-*' | sort -r | tail -n +3 | xargs -r rm -rf
