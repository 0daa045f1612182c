// REVIVE of one role makes what was refused in it offerable, also what is being refused just now; other roles stay quiet.
import { expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { puts, type Stage, stage } from './stage.ts'

/** A framework with the roles `a` and `b`. */
async function withTwoRoles(): Promise<Stage> {
  const on = await stage()
  const { agent, framework, w } = on
  agent.reboot()
  await agent.register({ capabilities: [{ type: 'MULTI_ROLE' }] })
  const capabilities = [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }] as const
  const stored = await w.store.get('framework', framework)
  if (stored === undefined) throw new Error('no framework')
  const item = { ...stored, info: { ...stored.info, roles: ['a', 'b'], capabilities } }
  await w.store.commit([{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }], 'roles')
  return on
}

/** The role that is offered something in the next turn, and the offer. */
async function offered({
  w,
  agent,
}: Stage): Promise<{ readonly role: string; readonly id: string } | undefined> {
  // Freed resources go to whoever is next; a treadmill is slowed down, so let a second pass.
  w.clock.move(2_000)
  await allocate(w.env)
  const [offer] = Object.entries((await agent.ledger()).offers)
  return offer === undefined ? undefined : { id: offer[0], role: offer[1].role }
}

const decline = (on: Stage, id: string) =>
  on.call({ type: 'DECLINE', decline: { offer_ids: [{ value: id }], filters: { refuse_seconds: 3_600 } } })
const revive = (on: Stage, role: string) => on.call({ type: 'REVIVE', revive: { roles: [role] } })

/** Declines what comes, for an hour, until nothing comes. */
async function quiet(on: Stage): Promise<readonly string[]> {
  const roles: string[] = []
  for (let offer = await offered(on); offer !== undefined; offer = await offered(on)) {
    expect(await decline(on, offer.id)).toBe(202)
    roles.push(offer.role)
  }
  return roles
}

test('revive-one-role: it is offered again what it refused, the other role is not', async () => {
  const on = await withTwoRoles()
  expect([...(await quiet(on))].sort()).toEqual(['a', 'b'])
  expect(await revive(on, 'a')).toBe(202)
  expect(await quiet(on)).toEqual(['a'])
  expect(await revive(on, 'b')).toBe(202)
  expect(await quiet(on)).toEqual(['b'])
})

test('revive-one-role: a DECLINE that was read before the REVIVE and is written after it holds nothing back', async () => {
  const on = await withTwoRoles()
  await quiet(on)
  await revive(on, 'a')
  const offer = await offered(on)
  expect(offer?.role).toBe('a')
  const paused = on.pause(puts('ledger'))
  const declined = decline(on, offer?.id ?? '')
  await paused.reached
  expect(await revive(on, 'a')).toBe(202)
  paused.release()
  expect(await declined).toBe(202)
  expect(await offered(on)).toMatchObject({ role: 'a' })
})

test('revive-one-role: a REVIVE of the other role leaves a DECLINE under way as it is', async () => {
  const on = await withTwoRoles()
  await quiet(on)
  await revive(on, 'a')
  const offer = await offered(on)
  expect(offer?.role).toBe('a')
  const paused = on.pause(puts('ledger'))
  const declined = decline(on, offer?.id ?? '')
  await paused.reached
  expect(await revive(on, 'b')).toBe(202)
  paused.release()
  expect(await declined).toBe(202)
  expect(await quiet(on)).toEqual(['b'])
})
