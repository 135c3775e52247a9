import { PlinthError } from '../errors.ts'

/** The minutes a schedule names, each field as the set of its values. */
export interface Schedule {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>
  /** With both restricted, a day counts when either names it, as cron(8) has it. */
  readonly isEitherDay: boolean
}

const fields = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12 },
  { name: 'day of week', least: 0, most: 7 },
] as const

type Field = (typeof fields)[number]

/**
 * Reads `minute hour day-of-month month day-of-week` with lists, ranges and steps, as crontab(5) has them but for
 * names.
 *
 * Throws InvalidOption.
 */
export function readSchedule(text: string): Schedule {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== fields.length) throw invalid(text, 'it must have five fields')
  const [minutes, hours, days, months, weekdays] = fields.map((field, i) => readField(text, field, parts[i] ?? ''))
  if (!minutes || !hours || !days || !months || !weekdays) throw invalid(text, 'it must have five fields')
  const week = new Set([...weekdays].map((day) => day % 7))
  const isEitherDay = !parts[2]?.startsWith('*') && !parts[4]?.startsWith('*')
  return { minutes, hours, days, months, weekdays: week, isEitherDay }
}

function readField(text: string, field: Field, part: string): ReadonlySet<number> {
  const values = new Set<number>()
  for (const item of part.split(',')) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(item)
    if (!match) throw invalid(text, `${JSON.stringify(item)} is no ${field.name}`)
    const [, from, to, by] = match
    const first = from === undefined ? field.least : Number(from)
    // `5/10` begins at 5 and goes on, as `5-59/10` does.
    const last = from !== undefined && by === undefined ? Number(to ?? from) : Number(to ?? field.most)
    const step = by === undefined ? 1 : Number(by)
    if (first < field.least || last > field.most || first > last || step < 1)
      throw invalid(text, `${JSON.stringify(item)} is no ${field.name}: ${field.least} to ${field.most}`)
    for (let value = first; value <= last; value += step) values.add(value)
  }
  return values
}

const mostYears = 8

/**
 * The first minute after `after` that the schedule names, in UTC.
 *
 * Throws InvalidOption where there is none in the next eight years, as for 30 February: 29 February comes in that time.
 */
export function nextTime(schedule: Schedule, after: Date, text: string): Date {
  const at = new Date(after)
  at.setUTCSeconds(0, 0)
  at.setUTCMinutes(at.getUTCMinutes() + 1)
  const end = after.getUTCFullYear() + mostYears
  // From the largest unit down: what does not fit is passed over whole.
  while (at.getUTCFullYear() <= end) {
    const [month, date] = [at.getUTCMonth(), at.getUTCDate()]
    if (!schedule.months.has(month + 1)) at.setTime(Date.UTC(at.getUTCFullYear(), month + 1))
    else if (!isDay(schedule, at)) at.setTime(Date.UTC(at.getUTCFullYear(), month, date + 1))
    else if (!schedule.hours.has(at.getUTCHours())) at.setUTCHours(at.getUTCHours() + 1, 0)
    else if (!schedule.minutes.has(at.getUTCMinutes())) at.setUTCMinutes(at.getUTCMinutes() + 1)
    else return at
  }
  throw invalid(text, 'no day is ever named by it')
}

function isDay(schedule: Schedule, at: Date): boolean {
  const [isDate, isWeekday] = [schedule.days.has(at.getUTCDate()), schedule.weekdays.has(at.getUTCDay())]
  return schedule.isEitherDay ? isDate || isWeekday : isDate && isWeekday
}

function invalid(text: string, why: string): PlinthError {
  return new PlinthError('InvalidOption', `The cron schedule ${JSON.stringify(text)} cannot be read: ${why}.`)
}
