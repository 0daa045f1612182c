// The two versions we answer with: Mesos's, which clients parse as dotted integers, and our own.

/** The Mesos release whose behaviour is kept; what `GET /version` and `GET_VERSION` call `version`. */
export const MESOS_VERSION = '1.12.0'

export const MESETA_VERSION = '0.1.0'
