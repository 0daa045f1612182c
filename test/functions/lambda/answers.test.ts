// From an answer to what a REST API takes: whole, and as a stream that we end at a record.
import { describe, expect, test } from 'vitest'
import { CLOSED_BY_HOST, empty, type HttpAnswer, text } from '../../../functions/http/types.ts'
import { buffered, streamed } from '../../../functions/lambda/answers.ts'
import { encodeRecord } from '../../../protocol/recordio.ts'
import { type MovedClock, movedClock } from '../../moved-clock.ts'
import { fakeStream } from './runtime.ts'

const plenty = { getRemainingTimeInMillis: () => 900_000 }
const record = (value: object) => encodeRecord(Buffer.from(JSON.stringify(value)))

async function clocked<T>(work: (clock: MovedClock) => Promise<T>): Promise<T> {
  const clock = movedClock()
  return await work(clock).finally(() => clock.stop())
}

/** A session: says it was taken, then `events`, then waits for its end and says why it came. */
function session(events: readonly object[] = []) {
  const ends: unknown[] = []
  const answer: HttpAnswer = {
    status: 200,
    headers: { 'content-type': 'application/json', 'mesos-stream-id': 's1' },
    body: {
      async open(write, closed) {
        await write(record({ type: 'SUBSCRIBED' }))
        await write(record({ type: 'HEARTBEAT' }))
        for (const event of events) await write(record(event))
        if (!closed.aborted) await new Promise((resolve) => closed.addEventListener('abort', resolve))
        ends.push(closed.reason)
        await write(record({ type: 'ERROR' }))
      },
    },
  }
  return { answer, ends }
}

describe('buffered', () => {
  const whole = (answer: HttpAnswer) => clocked((clock) => buffered(answer, clock, plenty))

  test('text stays text, bytes of a message become base64', async () => {
    expect(await whole(text(400, 'été'))).toMatchObject({
      statusCode: 400,
      body: 'été',
      isBase64Encoded: false,
    })
    const bytes = Buffer.from([8, 255, 0])
    const binary = { status: 200, headers: { 'content-type': 'application/x-protobuf' }, body: bytes }
    expect(await whole(binary)).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true })
    const json = { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from('{}') }
    expect(await whole(json)).toMatchObject({ body: '{}', isBase64Encoded: false })
    expect(await whole(empty(202))).toMatchObject({ statusCode: 202, body: '' })
  })

  test('what no buffered answer can hold is a sentence', async () => {
    const answer = await whole(text(200, 'x'.repeat(7_000_000)))
    expect(answer.statusCode).toBe(500)
    expect(answer.body).toContain('7000000 bytes')
  })

  test('R18 a SUBSCRIBE without news returns within 25 s, ended by the host at a record', () =>
    clocked(async (clock) => {
      const { answer, ends } = session()
      const began = clock.now()
      const answering = buffered(answer, clock, plenty)
      await clock.advance(25_000, { stepMs: 1_000, settleMs: 0 })
      const { body, headers } = await answering
      expect(clock.now() - began).toBeLessThan(26_000)
      expect(headers).toMatchObject({ 'mesos-stream-id': 's1' })
      expect(body).toBe(
        [{ type: 'SUBSCRIBED' }, { type: 'HEARTBEAT' }, { type: 'ERROR' }].map(record).join(''),
      )
      expect(ends).toEqual([CLOSED_BY_HOST])
    }))

  test('R18 with news it returns as soon as nothing follows', () =>
    clocked(async (clock) => {
      const { answer } = session([{ type: 'OFFERS', offers: { offers: [{ id: { value: 'o1' } }] } }])
      const answering = buffered(answer, clock, plenty)
      await clock.advance(1_000, { stepMs: 100 })
      expect((await answering).body).toContain('"OFFERS"')
    }))
})

describe('streamed', () => {
  function streaming(
    clock: MovedClock,
    answer: HttpAnswer,
    given: { remainingMs?: number; streamMs?: number } = {},
  ) {
    const stream = fakeStream()
    const { remainingMs = 900_000, streamMs = 840_000 } = given
    const done = streamed(answer, (head) => Object.assign(stream, { head }), {
      clock,
      remaining: { getRemainingTimeInMillis: () => remainingMs },
      streamMs,
    })
    return { stream, done }
  }

  test('a whole answer has its head, its body and an end', () =>
    clocked(async (clock) => {
      const { stream, done } = streaming(clock, text(403, 'no'))
      await done
      expect(stream.head).toMatchObject({ statusCode: 403 })
      expect(stream.text()).toBe('no')
      expect(stream.isEnded).toBe(true)
    }))

  test('an answer without a body sends its head all the same', () =>
    clocked(async (clock) => {
      let writes = 0
      const stream = fakeStream()
      const counted = { ...stream, write: () => ++writes > 0, end: () => stream.end() }
      await streamed(empty(202), () => counted, { clock, remaining: plenty, streamMs: 1 })
      expect(writes).toBe(1)
      expect(stream.isEnded).toBe(true)
    }))

  test('one record is one write', () =>
    clocked(async (clock) => {
      const { stream, done } = streaming(clock, session([{ type: 'OFFERS' }]).answer, { streamMs: 5_000 })
      await clock.advance(6_000)
      await done
      expect(stream.chunks.map(String)).toEqual(
        [{ type: 'SUBSCRIBED' }, { type: 'HEARTBEAT' }, { type: 'OFFERS' }, { type: 'ERROR' }].map((event) =>
          String(record(event)),
        ),
      )
    }))

  test.each([
    ['its own time', { streamMs: 5_000 }],
    ['that of the function', { remainingMs: 15_000 }],
  ])('R10 at the end of %s it is ended by the host, which the session is told', (_, given) =>
    clocked(async (clock) => {
      const { answer, ends } = session()
      const { stream, done } = streaming(clock, answer, given)
      await clock.advance(4_000)
      expect(ends).toEqual([])
      expect(stream.isEnded).toBe(false)
      await clock.advance(2_000)
      await done
      expect(ends).toEqual([CLOSED_BY_HOST])
      expect(stream.isEnded).toBe(true)
    }),
  )

  test('R10 a stream that breaks takes no more; nobody knows that it was the peer, so it has its grace', () =>
    clocked(async (clock) => {
      const { answer, ends } = session()
      const { stream, done } = streaming(clock, answer)
      await clock.advance(100, { stepMs: 20 })
      stream.break()
      await done
      expect(ends).toEqual([CLOSED_BY_HOST])
      expect(stream.text()).not.toContain('ERROR')
    }))

  test('a slow peer is waited for; one that takes nothing for a minute is given up', () =>
    clocked(async (clock) => {
      const outcomes: boolean[] = []
      const answer: HttpAnswer = {
        status: 200,
        headers: {},
        body: {
          async open(write) {
            for (let index = 0; index < 2; index++) outcomes.push(await write(record({ index })))
          },
        },
      }
      const { stream, done } = streaming(clock, answer)
      stream.clog()
      await clock.advance(5_000, { stepMs: 500 })
      expect(outcomes).toEqual([])
      stream.drain()
      stream.clog()
      await clock.advance(1_000, { stepMs: 500 })
      expect(outcomes).toEqual([true])
      await clock.advance(61_000, { stepMs: 5_000 })
      await done
      expect(outcomes).toEqual([true, false])
    }))
})
