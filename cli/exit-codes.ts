// What the command ends with; shown by `meseta --help`.

/** `meseta run` otherwise ends with the exit code of its task; 128 + n when a signal n ended it, as in a shell. */
export const EXIT = {
  ok: 0,
  /** A task did not finish, and there is no better code for it (lost, dropped, an error in its description). */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** What was asked for does not exist. */
  notFound: 3,
  /** The control plane refused. */
  refused: 4,
  /** Nobody answers there. */
  unreachable: 5,
  /** `--timeout` ran out. */
  timeout: 124,
  /** Interrupted with Ctrl-C. */
  interrupted: 130,
} as const

export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    a task did not finish (lost, dropped, invalid)
  2    the command line is wrong
  3    what was asked for does not exist
  4    the control plane refused
  5    nobody answers at the address
  124  --timeout ran out
  130  interrupted
  run  ends with the exit code of its task (the highest of several), 128 + n for signal n`

/** An error for people: one sentence, what to do next, and the exit code. */
export class CommandError extends Error {
  readonly code: number
  constructor(message: string, code: number = EXIT.failed) {
    super(message)
    this.code = code
  }
}
