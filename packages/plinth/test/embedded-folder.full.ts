import assert from 'node:assert/strict'
import { chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isPlinthError } from '../src/errors.ts'
import { canEnter } from '../src/embedded/account.ts'
import {
  ask,
  isRoot,
  onlyLinux,
  onlyRoot,
  otherUid,
  postmasterPid,
  start,
  startProgram,
  temporaryFolder,
  uidOf,
  unusable,
} from './support/embedded.ts'

const folder = temporaryFolder()
const other = { uid: otherUid, gid: otherUid, name: 'nobody', isSwitched: true }
const otherCanRead = isRoot && canEnter(other, import.meta.dirname)
const onlyReadable = otherCanRead ? false : onlyRoot || 'the checkout is closed to other users'

test('an ordinary user is told that a folder of root is not his', { skip: onlyReadable }, async () => {
  const closed = join(folder, 'of-root')
  mkdirSync(closed, { mode: 0o755 })
  for (const dataDir of [closed, join(closed, 'data')]) {
    const answer = await startProgram({ dataDir, uid: otherUid }).line()
    assert.equal(answer['code'], 'DataFolderUnusable')
    assert.match(String(answer['message']), /uid 65534/)
  }
  assert.deepEqual(readdirSync(closed), [])
})

test('an ordinary user without a home starts and keeps his rows', { skip: onlyReadable || onlyLinux }, async () => {
  const home = join(folder, 'of-nobody')
  mkdirSync(home)
  chownSync(home, otherUid, otherUid)
  const program = startProgram({ dataDir: join(home, 'data'), uid: otherUid })
  const { url } = await program.line()
  assert.deepEqual(await ask(String(url), 'select 1 as one'), [{ one: 1 }])
  assert.equal(uidOf(postmasterPid(join(home, 'data'))), otherUid)
  program.child.kill('SIGINT')
  await program.ended
})

test('as root postgres runs as nobody, and its password stays with root', { skip: onlyRoot || onlyLinux }, async () => {
  const dataDir = join(folder, 'root-made')
  await using server = await start(dataDir)
  assert.ok(server.port > 0)
  assert.equal(uidOf(postmasterPid(dataDir)), otherUid)
  assert.equal(statSync(join(dataDir, 'password')).uid, 0)
})

test('as root a folder below one that is closed to nobody works', { skip: onlyRoot || onlyLinux }, async () => {
  const closed = join(folder, 'home-of-root')
  mkdirSync(closed, { mode: 0o700 })
  const dataDir = join(closed, 'project', 'data')
  const first = await start(dataDir, { cacheDir: join(closed, '..', 'cache') })
  await ask(first.url, 'create table note (id int)', 'insert into note values (1)', 'checkpoint')
  process.kill(postmasterPid(dataDir), 'SIGKILL')
  await first.exited
  await using second = await start(dataDir)
  assert.deepEqual(await ask(second.url, 'select id from note'), [{ id: 1 }])
})

test('as root a cluster that a user made is run as that user', { skip: onlyRoot || onlyLinux }, async () => {
  const dataDir = join(folder, 'user-made')
  await (await start(dataDir)).stop()
  const made = join(dataDir, 'cluster')
  chownTree(made, 12_345)
  await using server = await start(dataDir)
  assert.ok(server.port > 0)
  assert.equal(uidOf(postmasterPid(dataDir)), 12_345)
})

for (const missing of ['PG_VERSION', join('global', 'pg_control'), 'base', 'pg_wal']) {
  test(`a cluster without ${missing} is refused as broken and left as it is`, async () => {
    const dataDir = join(folder, `broken-${missing.replace('/', '-')}`)
    await (await start(dataDir)).stop()
    rmSync(join(dataDir, 'cluster', missing), { recursive: true })
    const before = readdirSync(dataDir, { recursive: true })
    await assert.rejects(start(dataDir), unusable(dataDir, missing, /left as it is/))
    assert.deepEqual(readdirSync(dataDir, { recursive: true }), before)
  })
}

test('a cluster whose control file is damaged is an error with the log of PostgreSQL', async () => {
  const dataDir = join(folder, 'damaged')
  await (await start(dataDir)).stop()
  writeFileSync(join(dataDir, 'cluster', 'global', 'pg_control'), 'x'.repeat(8192))
  await assert.rejects(
    start(dataDir),
    (error) => isPlinthError(error, 'EmbeddedFailed') && /incompatible with server/.test(error.message),
  )
})

test('a cluster of another major version is refused with both versions', async () => {
  const dataDir = join(folder, 'old')
  await (await start(dataDir)).stop()
  writeFileSync(join(dataDir, 'cluster', 'PG_VERSION'), '14\n')
  await assert.rejects(start(dataDir), unusable(dataDir, /PostgreSQL 14/, /here is \d+/))
})

test('what a killed start left half made is removed by the next one', async () => {
  const dataDir = join(folder, 'half')
  mkdirSync(join(dataDir, 'cluster.new-abc', 'global'), { recursive: true })
  writeFileSync(join(dataDir, 'password'), 'old\n')
  await using server = await start(dataDir)
  assert.deepEqual(readdirSync(dataDir).toSorted(), ['cluster', 'lock', 'password'])
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})

test('a password file that is lost or empty is made anew', async () => {
  const dataDir = join(folder, 'no-password')
  const password = join(dataDir, 'password')
  await (await start(dataDir)).stop()
  for (const lose of [() => rmSync(password), () => writeFileSync(password, '')]) {
    lose()
    await using server = await start(dataDir)
    assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
    assert.equal(statSync(password).mode & 0o077, 0)
  }
})

function chownTree(path: string, uid: number): void {
  chownSync(path, uid, uid)
  for (const entry of readdirSync(path, { recursive: true })) chownSync(join(path, String(entry)), uid, uid)
}
