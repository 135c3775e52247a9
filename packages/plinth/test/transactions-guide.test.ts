import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import type { Transaction } from '../src/index.ts'
import { errorOf } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table orders (number text unique)' })
const db = createDatabase({ url, pool: { max: 2, sharedLanes: 0 } })
after(() => db.close())

const guide = await readFile(new URL('../../../docs/guides/transactions.md', import.meta.url), 'utf8')
const printed = [...guide.matchAll(/^```text\n([\s\S]*?)\n```$/gm)].map(([, text = '']) => withoutPlaces(text))

/** What differs from one program to the next. */
function withoutPlaces(text: string): string {
  return text
    .replaceAll(/\S+\.ts:\d+/g, 'PLACE')
    .replaceAll(/\d+ ms/g, 'N ms')
    .replaceAll(/GET [\w.:]+/g, 'GET HOST')
}

const inOrder = (work: (tx: Transaction) => Promise<unknown>): Promise<unknown> =>
  db.transaction(work, { name: 'createOrder' })

const mistakes: readonly (() => Promise<unknown>)[] = [
  () =>
    inOrder(async (tx) => {
      await tx.query('select 1')
      await tx.query(`insert into orders values ('A-1')`)
      await tx.query(`insert into orders values ('A-1')`).catch(() => undefined)
    }),
  () => inOrder(() => db.transaction(async () => 1, { name: 'chargeCard' })),
  () => inOrder(() => db.query('select 1')),
  async () => {
    const kept: Transaction[] = []
    await inOrder(async (tx) => void kept.push(tx))
    await kept[0]?.query('select 1')
  },
  () => inOrder(async (tx) => void tx.query(`insert into orders values ('A-2')`)),
]

test('each mistake prints what the guide shows', async () => {
  const errors = await Promise.all(mistakes.map((mistake) => errorOf(mistake())))
  const [warning, ...others] = printed.filter((text) => text.startsWith('PlinthWarning'))
  assert.deepEqual(others, [])
  assert.deepEqual(
    errors.map((error) => withoutPlaces(String(error))),
    printed.filter((text) => text !== warning),
  )
  assert.equal(await warningOfRequest(), warning)
})

async function warningOfRequest(): Promise<string> {
  const server = createServer((_, response) => response.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const target = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
  const warned = new Promise<Error & { readonly detail?: string }>((resolve) => process.once('warning', resolve))
  await inOrder(async () => (await fetch(target)).text())
  const warning = await warned
  await new Promise((resolve) => server.close(resolve).closeAllConnections())
  return withoutPlaces(`${warning.name}: ${warning.message}\n${warning.detail}`)
}
