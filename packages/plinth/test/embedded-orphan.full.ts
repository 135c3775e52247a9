import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isPlinthError } from '../src/errors.ts'
import {
  ask,
  onlyLinux,
  parentOf,
  postmasterPid,
  processesBelow,
  start,
  startProgram,
  temporaryFolder,
  until,
} from './support/embedded.ts'

const goneMs = 2_000

test('after SIGKILL of Node no postgres is left within 2 s, and its rows are', { skip: onlyLinux }, async () => {
  const dataDir = join(temporaryFolder(), 'data')
  const program = startProgram({ dataDir })
  const { url } = await program.line()
  await ask(String(url), 'create table note (id int)', 'insert into note values (1)')
  program.child.kill('SIGKILL')
  await until('postgres is gone', goneMs, () => processesBelow(dataDir).length === 0)
  await using server = await start(dataDir)
  assert.deepEqual(await ask(server.url, 'select id from note'), [{ id: 1 }])
})

test('a start right after the SIGKILL waits for the old postgres to end', { skip: onlyLinux }, async () => {
  const dataDir = join(temporaryFolder(), 'data')
  const program = startProgram({ dataDir })
  await program.line()
  const former = postmasterPid(dataDir)
  // Frozen, it hears no request to stop and is there until its guard kills it.
  process.kill(former, 'SIGSTOP')
  program.child.kill('SIGKILL')
  await program.ended
  await using server = await start(dataDir)
  assert.notEqual(postmasterPid(dataDir), former)
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})

test('a long statement does not keep postgres alive after its parent', { skip: onlyLinux }, async () => {
  const dataDir = join(temporaryFolder(), 'data')
  const program = startProgram({ dataDir })
  const { url } = await program.line()
  const busy = assert.rejects(ask(String(url), 'select count(*) from generate_series(1, 1000000000)'))
  await until('the backend works', 5_000, () =>
    processesBelow(dataDir).some(({ command }) => command.includes('SELECT')),
  )
  program.child.kill('SIGKILL')
  await until('postgres is gone', goneMs, () => processesBelow(dataDir).length === 0)
  await busy
})

test('after SIGKILL during initdb nothing is left running, and the next start works', { skip: onlyLinux }, async () => {
  const folder = temporaryFolder()
  const options = { dataDir: join(folder, 'data'), cacheDir: join(folder, 'cache') }
  const program = startProgram(options)
  const isInitdb = ({ command }: { command: string }): boolean => command.includes('postgres --boot')
  await until('initdb runs', 20_000, () => processesBelow(folder).some(isInitdb))
  // Frozen, it cannot come to its end by itself meanwhile.
  for (const { pid } of processesBelow(folder).filter(isInitdb)) process.kill(pid, 'SIGSTOP')
  program.child.kill('SIGKILL')
  await until('initdb is gone', goneMs, () => processesBelow(folder).length === 0)
  assert.equal(existsSync(join(options.dataDir, 'cluster')), false)
  await using server = await start(options.dataDir, options)
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})

test('Ctrl-C leaves postgres alive until stop() has ended it', { skip: onlyLinux }, async () => {
  const dataDir = join(temporaryFolder(), 'data')
  const program = startProgram({ dataDir })
  await program.line()
  process.kill(-(program.child.pid ?? 0), 'SIGINT')
  assert.deepEqual(await program.line(), { atInterrupt: 'alive' })
  await program.ended
  assert.deepEqual(processesBelow(dataDir), [])
  assert.equal(existsSync(join(dataDir, 'lock')), false)
})

test('when the guard is killed postgres ends with it, and `exited` tells', { skip: onlyLinux }, async () => {
  const dataDir = join(temporaryFolder(), 'data')
  const server = await start(dataDir)
  process.kill(parentOf(postmasterPid(dataDir)), 'SIGKILL')
  assert.ok(isPlinthError(await server.exited, 'EmbeddedFailed'))
  await until('postgres is gone', goneMs, () => processesBelow(dataDir).length === 0)
})
