// The settings of the cluster under the names Mesos's flags have, for tools that read them.
import {
  ALLOCATION_INTERVAL_MS,
  MAX_COMPLETED_FRAMEWORKS,
  MAX_COMPLETED_TASKS_PER_FRAMEWORK,
  MAX_OPERATOR_SUBSCRIBERS,
  MAX_UNREACHABLE_TASKS_PER_FRAMEWORK,
  MIN_ALLOCATABLE,
} from '../../master/limits.ts'
import type { Settings } from '../../master/settings.ts'
import { durationInfo, formatDuration } from '../../protocol/durations.ts'
import type { Flag } from '../../protocol/messages.ts'

/** In the order of their names. `agent_ping_timeout` times `max_agent_ping_timeouts` is the time-out of an agent. */
export function flags(settings: Settings): readonly Flag[] {
  const { profile, publicAddress } = settings
  const values: Readonly<Record<string, string>> = {
    agent_ping_timeout: duration(profile.timeoutMs),
    agent_removal_rate_limit: `${settings.removalsPerMinute}/1mins`,
    allocation_interval: duration(ALLOCATION_INTERVAL_MS),
    allocator: 'hierarchical',
    cluster: settings.clusterName,
    filter_gpu_resources: 'true',
    framework_sorter: 'drf',
    hostname: publicAddress.hostname,
    ip: publicAddress.ip,
    max_agent_ping_timeouts: '1',
    max_completed_frameworks: String(MAX_COMPLETED_FRAMEWORKS),
    max_completed_tasks_per_framework: String(MAX_COMPLETED_TASKS_PER_FRAMEWORK),
    max_operator_event_stream_subscribers: String(MAX_OPERATOR_SUBSCRIBERS),
    max_unreachable_tasks_per_framework: String(MAX_UNREACHABLE_TASKS_PER_FRAMEWORK),
    min_allocatable_resources: `cpus:${MIN_ALLOCATABLE.cpus / 1000}|mem:${MIN_ALLOCATABLE.mem / 1000}`,
    offer_timeout: duration(settings.offerTimeoutMs),
    port: String(publicAddress.port),
    ...(settings.rateLimits === undefined ? {} : { rate_limits: JSON.stringify(settings.rateLimits) }),
    registry_max_agent_age: duration(settings.registryMaxAgentAgeMs),
    registry_max_agent_count: String(settings.registryMaxAgentCount),
    role_sorter: 'drf',
    timer_profile: settings.profileName,
  }
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}

function duration(ms: number): string {
  return formatDuration(durationInfo(ms).nanoseconds)
}
