// The end of `npm start`: whatever asks for it, and however early, all that was started is taken back, last first.

/** Everything is over after this, however stubborn something is. */
const AT_MOST_MS = 30_000
/** npm passes a signal on that the terminal gave us already: only a later one is a wish of its own. */
const SECOND_SIGNAL_AFTER_MS = 1_000
const PARENT_LOOK_MS = 500

type TakeBack = () => Promise<void> | void

export class Ending {
  readonly #about: {
    readonly onBegin: () => Promise<void>
    readonly onEnd: () => void
    readonly hurry: () => void
  }
  readonly #undo: TakeBack[] = []
  #begunAt: number | undefined

  /** `hurry` is called before the process ends without waiting any longer. */
  constructor(about: {
    readonly onBegin: () => Promise<void>
    readonly onEnd: () => void
    readonly hurry: () => void
  }) {
    this.#about = about
  }

  get hasBegun(): boolean {
    return this.#begunAt !== undefined
  }

  /** To be done at the end, before everything that was given earlier. */
  undo(takeBack: TakeBack): void {
    this.#undo.push(takeBack)
  }

  /**
   * Waits for one step of the start. When the end comes in the midst of it, what the step makes is taken back as soon
   * as it is there, and the caller never goes on.
   */
  async step<Made>(step: Promise<Made>, takeBack?: (made: Made) => Promise<void> | void): Promise<Made> {
    if (takeBack !== undefined) {
      this.undo(async () => {
        const made = await step.then(
          (value) => ({ value }),
          () => undefined,
        )
        if (made !== undefined) await takeBack(made.value)
      })
    }
    const made = await step
    if (this.hasBegun) await new Promise<never>(() => {})
    return made
  }

  /** Ctrl-C, SIGTERM, SIGHUP and the death of our parent: nobody would be left to stop what we started. */
  watchSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.begin(0))
    const parent = Number(process.env.MESETA_STARTED_BY ?? process.ppid)
    delete process.env.MESETA_STARTED_BY
    setInterval(() => {
      if (process.ppid !== parent) this.begin(0)
    }, PARENT_LOOK_MS).unref()
  }

  /** Takes everything back and ends the process with this status; asked again a second later, it kills at once. */
  begin(status: number): void {
    if (this.#begunAt !== undefined) {
      if (performance.now() - this.#begunAt > SECOND_SIGNAL_AFTER_MS) void this.#now(status)
      return
    }
    this.#begunAt = performance.now()
    setTimeout(() => void this.#now(status), AT_MOST_MS).unref()
    void this.#about
      .onBegin()
      .then(() => this.#takeBack())
      .then(() => {
        this.#about.onEnd()
        process.exit(status)
      })
  }

  async #takeBack(): Promise<void> {
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) {
      try {
        await step()
      } catch (error) {
        process.stderr.write(`while stopping: ${error}\n`)
      }
    }
  }

  /** Does not wait for anything but what is still to be taken back at once. */
  async #now(status: number): Promise<void> {
    this.#about.hurry()
    // The emulators end with their pipes; a folder that goes with us must still go.
    await Promise.race([this.#takeBack(), new Promise((resolve) => setTimeout(resolve, 1_000))])
    process.exit(status)
  }
}
