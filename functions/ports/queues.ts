// Queues as the functions and the agent see them; the AWS adapter and the one in memory are held to one contract.

/** `heartbeats` is FIFO, one group per beat shard. The others are standard queues; EventBridge fills `instance-events`. */
export type FunctionQueue = 'heartbeats' | 'allocate' | 'ticks' | 'instance-events' | 'notify'

export interface QueueMessage {
  readonly id: string
  readonly body: string
  /** Stamped by the queue when it took the message, ms since 1970. */
  readonly sentAt: number
  /** FIFO group, for `heartbeats`. */
  readonly group?: string | undefined
  /** Who sent it, as the queue's service says; emulators name nobody useful. */
  readonly senderId?: string | undefined
  /** Deliveries of this message so far, this one included. */
  readonly receiveCount: number
}

export interface Queues {
  send(
    queue: FunctionQueue | 'dead-letters',
    body: string,
    options?: { readonly group?: string; readonly deduplicationId?: string; readonly delaySeconds?: number },
  ): Promise<void>
  /** Sends to an agent's own queue; a queue that is not there any more is no error. */
  sendToAgent(agentId: string, body: string): Promise<void>
  /**
   * Makes the agent's own command queue, or finds it; may be repeated.
   * @param instanceId of EC2, where AWS says who calls: the queue opens to that instance alone (A6)
   */
  ensureAgentQueue(agentId: string, instanceId?: string | undefined): Promise<{ readonly url: string }>
  /** Deletes the agent's own queue with what is in it; one that is not there is no error. */
  removeAgentQueue(agentId: string): Promise<void>
  /** URL under which agents send beats. */
  beatsQueueUrl(): string
  /** True for queues of this cluster, in which nobody else may write; where nobody can tell, it is absent. */
  isOwn?(url: string): boolean
  /** Endpoint to tell agents when the queues are not AWS's own. */
  endpoint(): string | undefined
}
