#!/bin/bash
# Starts the agent with what instance metadata says of the machine; the unit meseta-agent.service runs it.
set -euo pipefail

imds=${MESETA_IMDS:-http://169.254.169.254}
home=${MESETA_HOME:-/opt/meseta}

ask() { curl -sf --max-time 2 --retry 3 -H "X-aws-ec2-metadata-token: $token" "$imds/latest/meta-data/$1"; }

token=$(curl -sf --max-time 2 --retry 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token")
instance=$(ask instance-id)
zone=$(ask placement/availability-zone)
region=$(ask placement/region)
kind=$(ask instance-type)
life=$(ask instance-life-cycle || echo on-demand)
address=$(ask local-ipv4)
name=$(ask local-hostname)

attributes="zone:$zone;region:$region;instance_type:$kind;life:$life"
[ -z "${MESETA_GROUP:-}" ] || attributes="$attributes;group:$MESETA_GROUP"
[ -z "${MESETA_ATTRIBUTES:-}" ] || attributes="$attributes;$MESETA_ATTRIBUTES"

# Additive: a new release may find more of a machine than the last one did.
exec "$home/bin/node" "$home/agent/main.mjs" \
  --master "${MESETA_URL%/}" \
  --work-dir "${MESETA_WORK_DIR:-/var/lib/meseta}" \
  --ip "$address" --hostname "$name" --instance-id "$instance" \
  --attributes "$attributes" \
  --reconfiguration-policy additive \
  --domain "{\"fault_domain\":{\"region\":{\"name\":\"$region\"},\"zone\":{\"name\":\"$zone\"}}}"
