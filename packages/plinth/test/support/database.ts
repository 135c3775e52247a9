import { AsyncResource } from 'node:async_hooks'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach } from 'node:test'
import { startEmbedded } from '../../src/embedded/server.ts'
import { createTestDatabase } from '../../src/testing/test-database.ts'
import type { TestDatabase } from '../../src/testing/test-database.ts'

/** Settings for servers whose data may be lost. */
export const fastSettings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

let server: Promise<{ readonly url: string }> | undefined
let endings: (() => Promise<void>)[] | undefined

/** The URL of the test run's server; a file that is run alone starts its own. */
export function testServer(): Promise<{ readonly url: string }> {
  const url = process.env['PLINTH_TEST_DATABASE_URL']
  server ??= url === undefined ? startOwn() : Promise.resolve({ url })
  return server
}

/**
 * A database for this test file. It is dropped after all `after` hooks at the top of the file have run, and a connection
 * still open then fails the file.
 */
export async function testDatabase(options: { template?: string; script?: string } = {}): Promise<TestDatabase> {
  const database = await createTestDatabase({ server: await testServer(), ...options })
  atEnd(() => database.drop())
  return database
}

async function startOwn(): Promise<{ readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-test-'))
  const started = await startEmbedded({ dataDir: join(folder, 'data'), settings: fastSettings })
  atEnd(async () => {
    await started.stop()
    await rm(folder, { recursive: true })
  })
  return started
}

/**
 * Runs the endings, last in first out, after the file's own hooks. node:test runs `after` hooks in the order they were
 * added, so ours is added only when the first test starts, in the context of the file rather than of that test.
 */
function atEnd(ending: () => Promise<void>): void {
  if (endings) {
    endings.unshift(ending)
    return
  }
  const all = [ending]
  endings = all
  let isAdded = false
  const add = AsyncResource.bind(() => after(() => runAll(all)))
  beforeEach(() => {
    if (!isAdded) add()
    isAdded = true
  })
}

async function runAll(works: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = []
  for (const work of works) await work().catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}
