import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask, Contestant, Ending } from './contestant.ts'
import type { Random } from './random.ts'

export const kinds = ['transfer', 'insert', 'single', 'append', 'sum'] as const
export type Kind = (typeof kinds)[number]

/** One call of the workload, noted before it begins. */
export interface Entry {
  /** Which client, and its how many-th call. */
  readonly client: number
  readonly id: string
  readonly kind: Kind
  /** performance.now() of the run. */
  readonly beganAt: number
  readonly list?: number
  readonly transfer?: { readonly from: number; readonly to: number; readonly amount: number }
  ending: Ending
  ms: number
  code: string
  /** How often the callback of the transaction ran. */
  runs: number
  /** Found wrong while it ran. */
  wrong?: string
}

export const accounts: number = 10
export const startBalance: number = 1000
const lists = 4

export const schema: string = `
  create table accounts (id int primary key, balance bigint not null);
  create table transfers (id text not null, source int not null, target int not null, amount int not null);
  create table inserts (id text not null);
  create table lists (id int primary key, items text[] not null);
  insert into accounts select i, ${startBalance} from generate_series(1, ${accounts}) i;
  insert into lists select i, '{}' from generate_series(1, ${lists}) i;`

export const reset: string = `
  truncate transfers, inserts;
  update accounts set balance = ${startBalance};
  update lists set items = '{}';`

/** Changed by a fault while the clients run. */
export interface Mood {
  /** Transfers between two accounts, in both orders. */
  isHot: boolean
  isSerializable: boolean
}

export interface Workload {
  readonly log: Entry[]
  readonly mood: Mood
  /** Begins no new call, and resolves when the last has ended; at the latest after `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>
}

const clients = 8
const pauseMs = 8

/**
 * Eight clients, one call at a time each. `random` decides what they do; when they do it is the machine's. `note` hears
 * of each call before it begins and when it has ended. No table has a unique key on the clients' ids, so that what was
 * written twice is there twice.
 */
export function startWorkload(
  contestant: Contestant,
  random: Random,
  label: string,
  note: (entry: Entry) => void = () => undefined,
): Workload {
  const log: Entry[] = []
  const mood: Mood = { isHot: false, isSerializable: false }
  let isStopping = false
  const client = async (number: number): Promise<void> => {
    for (let call = 1; !isStopping; call++) {
      const entry = draw(random, mood, number, `${label}-${number}-${call}`)
      log.push(entry)
      note(entry)
      await runEntry(contestant, entry, mood)
      note(entry)
      await sleep(random.below(pauseMs) + (entry.ending === 'ok' ? 0 : pauseMs))
    }
  }
  const all = Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  return {
    log,
    mood,
    stop: async (deadlineMs) => {
      isStopping = true
      await Promise.race([all, sleep(deadlineMs, undefined, { ref: false })])
    },
  }
}

function draw(random: Random, { isHot }: Mood, client: number, id: string): Entry {
  const kind = isHot ? 'transfer' : random.pick(kinds)
  const from = 1 + random.below(isHot ? 2 : accounts)
  const to = isHot ? 3 - from : 1 + ((from + random.below(accounts - 1)) % accounts)
  const transfer = { from, to, amount: 1 + random.below(9) }
  const own = kind === 'append' ? { list: 1 + random.below(lists) } : kind === 'transfer' ? { transfer } : {}
  return { client, id, kind, beganAt: performance.now(), ...own, ending: 'open', ms: 0, code: '', runs: 0 }
}

/** Runs one call and notes how it ended. Never rejects. */
export async function runEntry(contestant: Contestant, entry: Entry, mood: Mood): Promise<void> {
  try {
    await call(contestant, entry, mood)
    entry.ending = 'ok'
  } catch (error) {
    const { ending, code } = contestant.judge(error)
    entry.ending = ending
    entry.code = code
  }
  entry.ms = performance.now() - entry.beganAt
}

function call(contestant: Contestant, entry: Entry, { isSerializable }: Mood): Promise<void> {
  if (entry.kind === 'single') return insert(asking(contestant.single, entry), entry)
  if (entry.kind === 'sum') return sum(asking(contestant.single, entry), entry)
  const steps = { transfer, insert, append }[entry.kind]
  const isolation = isSerializable ? ({ isolation: 'serializable' } as const) : {}
  return contestant.transaction(
    (ask) => {
      entry.runs++
      return steps(asking(ask, entry), entry)
    },
    { name: entry.kind, ...isolation },
  )
}

/** The last value of each statement is a token that its answer must carry. */
function asking(ask: Ask, entry: Entry): Ask {
  let statement = 0
  return async (text, values) => {
    const token = `${entry.id}/${entry.runs}/${++statement}`
    const rows = await ask(text, [...values, token])
    if (rows.length !== 1 || rows[0]?.['token'] !== token) {
      entry.wrong ??= `asked with ${token} and got the answer ${JSON.stringify(rows).slice(0, 80)}`
    }
    return rows
  }
}

async function transfer(ask: Ask, { id, transfer: order }: Entry): Promise<void> {
  const { from = 1, to = 2, amount = 0 } = order ?? {}
  const move = 'update accounts set balance = balance + $1 where id = $2 returning $3::text as token'
  await ask(move, [-amount, from])
  await ask('insert into transfers values ($1, $2, $3, $4) returning $5::text as token', [id, from, to, amount])
  await ask(move, [amount, to])
}

async function insert(ask: Ask, { id }: Entry): Promise<void> {
  await ask('insert into inserts (id) values ($1) returning $2::text as token', [id])
}

async function append(ask: Ask, { id, list = 1 }: Entry): Promise<void> {
  await ask('update lists set items = array_append(items, $1::text) where id = $2 returning $3::text as token', [
    id,
    list,
  ])
}

async function sum(ask: Ask, entry: Entry): Promise<void> {
  const [row] = await ask('select sum(balance)::int as total, $1::text as token from accounts', [])
  if (row?.['total'] !== accounts * startBalance) entry.wrong ??= `saw a total of ${String(row?.['total'])}`
}
