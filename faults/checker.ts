import { accounts, type Entry, startBalance } from './workload.ts'

/** What is in the database after the run, read on a connection of the checker's own. */
export interface Final {
  /** How often each client's id is there. */
  readonly transfers: ReadonlyMap<string, number>
  readonly inserts: ReadonlyMap<string, number>
  /** Items of each list, in their order. */
  readonly lists: ReadonlyMap<number, readonly string[]>
  readonly balances: ReadonlyMap<number, number>
  readonly moved: readonly { readonly source: number; readonly target: number; readonly amount: number }[]
}

/** How often the rows of an operation may be there, by how its call ended. */
const allowed = { ok: [1], fail: [0], unknown: [0, 1], open: [0, 1] } as const

/** Each sentence of docs/reliability.md that the run contradicts, with the operation. Empty: nothing is wrong. */
export function check(log: readonly Entry[], final: Final, latestMs: number): string[] {
  const items = [...final.lists.values()].flat()
  const places: Readonly<Record<string, ReadonlyMap<string, number>>> = {
    transfer: final.transfers,
    insert: final.inserts,
    single: final.inserts,
    append: count(items),
  }
  const writes = log.filter(({ kind }) => kind in places)
  return [
    ...writes.flatMap((entry) => checkWrite(entry, places[entry.kind]?.get(entry.id) ?? 0)),
    ...checkNothingForeign(log, [...final.transfers.keys(), ...final.inserts.keys(), ...items]),
    ...log.flatMap((entry) => (entry.wrong === undefined ? [] : [`${name(entry)}: ${entry.wrong}`])),
    ...log.flatMap((entry) => checkTime(entry, latestMs)),
    ...log.flatMap((entry) => (entry.code.startsWith('not a') ? [`${name(entry)} threw ${entry.code}`] : [])),
    ...checkBalances(final),
    ...checkOrder(log, final),
  ]
}

/** Where the server could be asked, nobody may be told that the outcome of a transaction is unknown. */
export function checkResolved(log: readonly Entry[]): string[] {
  const inTransaction = log.filter(({ kind }) => kind !== 'single' && kind !== 'sum')
  const unknown = inTransaction.filter(({ ending }) => ending === 'unknown')
  return unknown.map((entry) => `${name(entry)} ended as unknown (${entry.code}) although the server could be asked`)
}

function checkWrite(entry: Entry, times: number): string[] {
  const may: readonly number[] = allowed[entry.ending]
  if (may.includes(times)) return []
  return [`${name(entry)} ended with ${entry.ending} (${entry.code || 'no error'}) and is there ${times} times`]
}

function checkNothingForeign(log: readonly Entry[], ids: readonly string[]): string[] {
  const known = new Set(log.map(({ id }) => id))
  return ids.filter((id) => !known.has(id)).map((id) => `${id} is there and nobody asked for it`)
}

function checkTime(entry: Entry, latestMs: number): string[] {
  if (entry.ending === 'open') return [`${name(entry)} never ended`]
  if (entry.ms <= latestMs) return []
  return [`${name(entry)} took ${Math.round(entry.ms)} ms; its latest end was ${latestMs} ms (${entry.code})`]
}

function checkBalances({ balances, moved }: Final): string[] {
  const expected = new Map<number, number>(Array.from({ length: accounts }, (_, i) => [i + 1, startBalance]))
  for (const { source, target, amount } of moved) {
    expected.set(source, (expected.get(source) ?? 0) - amount)
    expected.set(target, (expected.get(target) ?? 0) + amount)
  }
  const wrong = [...expected].filter(([id, balance]) => balances.get(id) !== balance)
  return wrong.map(([id, balance]) => `account ${id} has ${balances.get(id)}; its transfers make ${balance}`)
}

/** One client appends one item after another, so they stand in this order. */
function checkOrder(log: readonly Entry[], { lists }: Final): string[] {
  const appended = log.filter(({ kind, ending }) => kind === 'append' && ending === 'ok')
  return [...lists].flatMap(([list, items]) => {
    const at = new Map(items.map((item, index) => [item, index]))
    const last = new Map<number, number>()
    return appended
      .filter((entry) => entry.list === list)
      .flatMap((entry) => {
        const place = at.get(entry.id) ?? -1
        const before = last.get(entry.client) ?? -1
        last.set(entry.client, place)
        return place >= 0 && place < before ? [`${name(entry)} stands before what its client appended earlier`] : []
      })
  })
}

export function count(ids: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1)
  return times
}

function name({ kind, id }: Entry): string {
  return `${kind} ${id}`
}
