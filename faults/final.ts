import { setTimeout as sleep } from 'node:timers/promises'
import { count, type Final } from './checker.ts'
import { admin, type Stage } from './scene.ts'

const leftPatienceMs = 3000

/** What the database holds, read beside the proxy and the contestant. */
export async function readFinal(stage: Stage): Promise<Final> {
  const [transfers, inserts, lists, balances] = [
    await admin(stage, 'select id, source, target, amount from transfers'),
    await admin(stage, 'select id from inserts'),
    await admin(stage, 'select id, items from lists'),
    await admin(stage, 'select id, balance from accounts'),
  ]
  const ids = (rows: readonly Record<string, unknown>[]): string[] => rows.map(({ id }) => String(id))
  return {
    transfers: count(ids(transfers)),
    inserts: count(ids(inserts)),
    lists: new Map(lists.map(({ id, items }) => [Number(id), Array.isArray(items) ? items.map(String) : []])),
    balances: new Map(balances.map(({ id, balance }) => [Number(id), Number(balance)])),
    moved: transfers.map(({ source, target, amount }) => ({
      source: Number(source),
      target: Number(target),
      amount: Number(amount),
    })),
  }
}

/** Connections of the service that are still open a moment after its handle was closed. */
export async function connectionsLeft(stage: Stage, service: string): Promise<string[]> {
  const deadline = performance.now() + leftPatienceMs
  for (;;) {
    const rows = await admin(
      stage,
      `select pid, state, query from pg_stat_activity where application_name = '${service}'`,
    )
    if (rows.length === 0 || performance.now() > deadline)
      return rows.map((row) => `after close a connection is left: ${JSON.stringify(row)}`)
    await sleep(100)
  }
}
