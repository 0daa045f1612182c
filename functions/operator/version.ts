// What the version endpoints say: the Mesos release whose behaviour is kept, and our own in the user's place.
import type { VersionInfo } from '../../protocol/messages.ts'
import { MESETA_VERSION, MESOS_VERSION } from '../../protocol/version.ts'

/** Clients parse `version` as dotted integers. Nothing is built, so the build's time is that of the release. */
export const versionInfo: VersionInfo = {
  version: MESOS_VERSION,
  build_date: '2026-11-22 00:00:00',
  build_time: 1_795_305_600,
  build_user: `meseta ${MESETA_VERSION}`,
}
