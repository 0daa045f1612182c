// Every bound of the system, with where it comes from. Sizes in bytes, times in milliseconds unless the name says.

/** DynamoDB: actions in one transaction. */
export const MAX_TRANSACTION_ITEMS = 100
/** Tasks one transaction can launch: two items each, and room for ledger, gate, executor and words (R1). */
export const MAX_TASKS_PER_TRANSACTION = 45
/** Of those, what the tasks of one step of an ACCEPT fill; the rest is room for ledger, gate, hold and words. */
export const MAX_ITEMS_PER_STEP = 90
/** Answers of one step; the rest is room for gates, of which a framework has at most 16. */
export const MAX_WORDS_PER_STEP = 80
/** Answers about tasks in one step: each is a word, the check of its task, and at most that of a hold. */
export const MAX_ANSWERS_PER_STEP = 32
/** DynamoDB: 4 MB in one transaction; a step of a large ACCEPT is cut well below it. */
export const MAX_STEP_BYTES = 1024 * 1024
/** A task is stored twice and an item has at most 400 KB. */
export const MAX_TASK_BYTES = 256 * 1024
/** Tasks of one ACCEPT: their ids stand in one HOLD item. */
export const MAX_TASKS_PER_ACCEPT = 1_000
/** A nudge above this is sent as a word to sync instead: queues take 256 KB. */
export const MAX_NUDGE_BYTES = 200 * 1024
/** A decision whose load is stale is made anew this often before the caller is asked to come back. */
export const MAX_COMMIT_ATTEMPTS = 12
/** One call of an agent hands in at most this many updates (one transaction). */
export const MAX_UPDATES_PER_CALL = 30
/** Updates of one task in custody (R12). */
export const MAX_CUSTODY_UPDATES = 16
export const MAX_CUSTODY_BYTES = 64 * 1024
/** A status in the history of a task; of a larger one only what it says in short is kept: its task has one item. */
export const MAX_STATUS_KEPT_BYTES = 4 * 1024
/** Bytes an executor may send to its scheduler at once; more would not fit the way back either. */
export const MAX_MESSAGE_BYTES = MAX_NUDGE_BYTES
/** What a framework says of itself, and its offer constraints: one item, and a copy on every agent it runs on. */
export const MAX_FRAMEWORK_BYTES = 64 * 1024
/** Refusals kept on one ledger; the one that ends first gives way (R1). */
export const MAX_REFUSALS = 64
/** Evidence of earlier ACCEPTs on a ledger. */
export const MAX_ACCEPTS_KEPT = 16
/** Status entries kept per task. */
export const MAX_STATUS_HISTORY = 32
/** Agents in one beat shard (R13). */
export const AGENTS_PER_BEAT_SHARD = 50
/** Offers made and withdrawn in one transaction of the allocator: room for ledger and gates beside them. */
export const MAX_LETTERS_PER_COMMIT = 48
/** An allocator that fell silent in a turn is followed by another after this. */
export const ALLOCATION_LEASE_MS = 5_000
/** Roles of which it is remembered who was served last, so that equal shares take turns. */
export const MAX_RECENT_ROLES = 16
/** Request bodies: a call of any API. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Nesting of JSON and of protobuf messages (A11, A13). */
export const MAX_DEPTH = 64

/** Mesos: allocation_interval and the least life of a filter. */
export const ALLOCATION_INTERVAL_MS = 1_000
/** Mesos: Filters.refuse_seconds, its default and its cap (365 days). */
export const DEFAULT_REFUSE_SECONDS = 5
export const MAX_REFUSE_SECONDS = 365 * 24 * 3600
/** Mesos: min_allocatable_resources `cpus:0.01|mem:32`, in thousandths. */
export const MIN_ALLOCATABLE = { cpus: 10, mem: 32_000 }
/** Ours (Mesos: never): a framework that sits on an offer does not starve the others (R14). */
export const OFFER_TIMEOUT_MS = 5 * 60_000
/** Mesos: DEFAULT_HEARTBEAT_INTERVAL of event streams (F56). */
export const STREAM_HEARTBEAT_MS = 15_000
/** Ours: a webhook or queue that takes nothing for so long is as a stream that ended. Longer than a deployment. */
export const DELIVERY_GRACE_MS = 60_000
/** Mesos: STATUS_UPDATE_RETRY_INTERVAL_MIN and _MAX. */
export const RESEND_MIN_MS = 10_000
export const RESEND_MAX_MS = 10 * 60_000
/** Mesos: max_completed_frameworks, max_completed_tasks_per_framework. */
export const MAX_COMPLETED_FRAMEWORKS = 50
export const MAX_COMPLETED_TASKS_PER_FRAMEWORK = 1_000
/** Mesos: max_unreachable_tasks_per_framework. */
export const MAX_UNREACHABLE_TASKS_PER_FRAMEWORK = 1_000
/** Mesos: registry_max_agent_age and registry_max_agent_count, of each list of lost agents. */
export const REGISTRY_MAX_AGENT_AGE_MS = 14 * 24 * 3_600_000
export const REGISTRY_MAX_AGENT_COUNT = 102_400
/** Mesos: max_operator_event_stream_subscribers. */
export const MAX_OPERATOR_SUBSCRIBERS = 1_000
/** Finished tasks stay as evidence for late repeats. */
export const FINISHED_TASK_KEPT_MS = 3_600_000
/** Tombstones of frameworks: two weeks at least (F50), and longer than lost agents are remembered. */
export const FRAMEWORK_TOMBSTONE_MS = 28 * 24 * 3_600_000
/** A committed launch without any update from its agent becomes a kill after this. */
export const LAUNCH_ANSWER_MS = 10 * 60_000
/** An ACCEPT in pieces is finished or given up within this. */
export const HOLD_MS = 30_000
/** A loss is told to frameworks that were away for a day at most; then it is garbage. */
export const LOSS_TOLD_MS = 24 * 3_600_000
