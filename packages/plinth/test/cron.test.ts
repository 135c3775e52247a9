import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextTime, readSchedule } from '../src/services/cron.ts'

const next = (text: string, after: string): string => nextTime(readSchedule(text), new Date(after), text).toISOString()

test('the next time of a schedule is the first minute after that all its fields name', () => {
  const from = '2026-11-27T22:41:57Z'
  assert.equal(next('* * * * *', from), '2026-11-27T22:42:00.000Z')
  assert.equal(next('*/15 * * * *', from), '2026-11-27T22:45:00.000Z')
  assert.equal(next('41 22 * * *', from), '2026-11-28T22:41:00.000Z')
  assert.equal(next('0 3 1 * *', from), '2026-12-01T03:00:00.000Z')
  assert.equal(next('5/20 0-1 * 2 *', from), '2027-02-01T00:05:00.000Z')
  assert.equal(next('0 0 29 2 *', from), '2028-02-29T00:00:00.000Z')
  assert.equal(next('0 9 * * 1,3', from), '2026-11-30T09:00:00.000Z')
  assert.equal(next('0 9 * * 7', from), '2026-11-29T09:00:00.000Z')
  assert.equal(next('59 23 31 12 *', '2026-12-31T23:59:00Z'), '2027-12-31T23:59:00.000Z')
})

test('with both days restricted a day counts when either names it', () => {
  assert.equal(next('0 0 13 * 5', '2026-11-27T00:00:00Z'), '2026-12-04T00:00:00.000Z')
  assert.equal(next('0 0 13 * 5', '2026-12-11T00:00:00Z'), '2026-12-13T00:00:00.000Z')
  assert.equal(next('0 0 13 * *', '2026-11-27T00:00:00Z'), '2026-12-13T00:00:00.000Z')
})

test('what is no schedule is refused with the part that is none', () => {
  for (const text of ['', '* * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '5-1 * * * *'])
    assert.throws(() => readSchedule(text), { code: 'InvalidOption' }, text)
  for (const text of ['*/0 * * * *', 'a * * * *', '1, * * * *', '-1 * * * *', '1.5 * * * *'])
    assert.throws(() => readSchedule(text), { code: 'InvalidOption' }, text)
  assert.throws(() => next('0 0 30 2 *', '2026-11-27T00:00:00Z'), { code: 'InvalidOption' })
})

test('each next time is named by the schedule, and no minute before it is', () => {
  const field = (least: number, most: number): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: least, max: most }).map(String),
      fc.integer({ min: 1, max: 12 }).map((by) => `*/${by}`),
    )
  const schedules = fc.tuple(field(0, 59), field(0, 23), field(1, 28), fc.constant('*'), field(0, 6))
  const times = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
  fc.assert(
    fc.property(schedules, times, (fields, after) => {
      const text = fields.join(' ')
      const schedule = readSchedule(text)
      const isNamed = (at: Date): boolean => {
        const [date, week] = [schedule.days.has(at.getUTCDate()), schedule.weekdays.has(at.getUTCDay())]
        const isDay = schedule.isEitherDay ? date || week : date && week
        return isDay && schedule.hours.has(at.getUTCHours()) && schedule.minutes.has(at.getUTCMinutes())
      }
      const found = nextTime(schedule, after, text)
      assert.ok(isNamed(found) && found > after)
      const minute = 60_000
      for (let at = Math.floor(after.getTime() / minute) * minute + minute; at < found.getTime(); at += minute)
        if (isNamed(new Date(at))) assert.fail(`${text} names ${new Date(at).toISOString()} before`)
    }),
    { numRuns: 60 },
  )
})
