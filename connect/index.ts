// What the package `meseta` gives to programs: a deployed cluster is found, and talked to as to a Mesos master.
export { MESETA_VERSION } from '../protocol/version.ts'
export { type Beside, type BesideOptions, standBeside } from './beside.ts'
export { basic, type Credentials, PASSED } from './credentials.ts'
export { type Found, findCluster, type Surroundings, type Wanted } from './find/find-cluster.ts'
export { FindError, type FindErrorKind } from './find/find-error.ts'
