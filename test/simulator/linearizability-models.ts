// Sequential descriptions of a ledger, an offer and a framework's session, as their callers know them.
import type { Model } from './linearizability.ts'

/** A ledger to those who load and commit it: a register of versions, written by compare and set. */
export type LedgerInput =
  | { readonly do: 'read'; readonly version: number }
  /** `expects` is the version it was conditional on. */
  | { readonly do: 'write'; readonly expects: number }
  | { readonly do: 'remove'; readonly expects: number }
  /**
   * Refused because the version was another one. A write by itself that was tried again, and written over meanwhile,
   * hears the same though it took effect (H1).
   */
  | { readonly do: 'conflict'; readonly expects: number; readonly isAlone?: boolean | undefined }

/** The version; 0: there is no ledger. */
export const LEDGER: Model<number, LedgerInput> = {
  initial: 0,
  step(version, input) {
    switch (input.do) {
      case 'read':
        return input.version === version ? version : undefined
      case 'write':
        return input.expects === version ? version + 1 : undefined
      case 'remove':
        return input.expects === version ? 0 : undefined
      case 'conflict':
        if (input.expects !== version) return version
        return input.isAlone === true ? version + 1 : undefined
    }
  },
  key: String,
}

/** An offer to its framework: good for one ACCEPT, or to be declined. */
export type OfferInput =
  | { readonly do: 'launch'; readonly accept: string }
  /** An ACCEPT that was told its offer is not valid. */
  | { readonly do: 'refused'; readonly accept: string }
  | { readonly do: 'decline' }

/** It ends by itself at any time: expired, withdrawn, of an older session. */
export const OFFER: Model<'open' | 'over', OfferInput> = {
  initial: 'open',
  step(state, input) {
    if (input.do !== 'launch') return 'over'
    return state === 'open' ? 'over' : undefined
  },
  key: String,
}

/** A framework's session, named by the id of its stream. */
export type SessionInput =
  | { readonly do: 'subscribe'; readonly stream: string }
  | { readonly do: 'accepted'; readonly stream: string }
  /** 403: not the session, or not any more. */
  | { readonly do: 'refused'; readonly stream: string }

/** The stream of the session; '' while there is none. It ends by itself at any time, and never comes back. */
export const SESSION: Model<string, SessionInput> = {
  initial: '',
  step(stream, input) {
    switch (input.do) {
      case 'subscribe':
        return input.stream
      case 'accepted':
        return input.stream === stream ? stream : undefined
      case 'refused':
        return input.stream === stream ? '' : stream
    }
  },
  key: String,
}
