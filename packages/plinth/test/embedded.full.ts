import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import { isPlinthError } from '../src/errors.ts'
import { ask, isRoot, onlyLinux, otherUid, postmasterPid, start, temporaryFolder, until } from './support/embedded.ts'

const folder = temporaryFolder()

test('a start makes the folder, answers on its url, and a second start finds the rows of the first', async () => {
  const dataDir = join(folder, 'made', 'here')
  const first = await start(dataDir)
  await ask(first.url, 'create table note (id int)', 'insert into note values (1), (2)')
  await first.stop()
  assert.equal(await first.exited, undefined)
  await using second = await start(dataDir)
  assert.deepEqual(await ask(second.url, 'select count(*)::int as n from note'), [{ n: 2 }])
  assert.equal(statSync(join(dataDir, 'password')).mode & 0o777, 0o600)
})

test('user, database and settings are those asked for', async () => {
  const settings = { fsync: 'off', work_mem: '7MB' }
  await using server = await start(join(folder, 'named'), { user: 'ada', database: 'notes', settings })
  const [row] = await ask(
    server.url,
    `select current_user, current_database(), current_setting('work_mem') as work_mem`,
  )
  assert.deepEqual(row, { current_user: 'ada', current_database: 'notes', work_mem: '7MB' })
})

test('nobody on the machine gets in without the password, and no other address is listened on', async () => {
  await using server = await start(join(folder, 'guarded'))
  const wrong = server.url.replace(/:[^:@]+@/, ':guess@')
  await assert.rejects(ask(wrong, 'select 1'), /password authentication failed/)
  const refused = new Promise<string>((resolve) => {
    connect(server.port, '127.0.0.2', () => resolve('connected')).once('error', ({ message }) => resolve(message))
  })
  assert.match(await refused, /ECONNREFUSED|EADDRNOTAVAIL|ETIMEDOUT/)
  const sockets = await ask(server.url, 'show unix_socket_directories')
  assert.deepEqual(sockets, [{ unix_socket_directories: '' }])
})

test('each data folder has a password of its own', async () => {
  await using first = await start(join(folder, 'one'))
  await using second = await start(join(folder, 'two'))
  assert.notEqual(new URL(first.url).password, new URL(second.url).password)
})

test('a second start on a folder is refused with the folder and the process, and the first goes on', async () => {
  const dataDir = join(folder, 'taken')
  await using server = await start(dataDir)
  await assert.rejects(start(dataDir), (error) => {
    assert.ok(isPlinthError(error, 'DataFolderInUse'))
    return error.message.includes(dataDir) && error.message.includes(String(process.pid))
  })
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})

test('of starts at the same moment on one new folder exactly one wins', async () => {
  const dataDir = join(folder, 'raced')
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => start(dataDir)))
  const won = results.filter((result) => result.status === 'fulfilled').map((result) => result.value)
  const lost = results.filter((result) => result.status === 'rejected').map<unknown>((result) => result.reason)
  assert.equal(won.length, 1)
  assert.ok(lost.every((error) => isPlinthError(error, 'DataFolderInUse')))
  await Promise.all(won.map((server) => server.stop()))
})

test('a taken port is an error that names it, and the folder starts on another one', async () => {
  const dataDir = join(folder, 'port')
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => blocker.once('listening', resolve))
  const address = blocker.address()
  assert.ok(typeof address === 'object' && address !== null)
  const { port } = address
  await assert.rejects(
    start(dataDir, { port }),
    (error) => isPlinthError(error, 'PortInUse') && error.message.includes(String(port)),
  )
  blocker.close()
  await using server = await start(dataDir)
  assert.notEqual(server.port, port)
})

test('after SIGKILL of postgres `exited` tells, and the next start recovers what was committed', async () => {
  const dataDir = join(folder, 'crashed')
  const first = await start(dataDir, { settings: {} })
  await ask(first.url, 'create table note (id int)', 'insert into note select generate_series(1, 1000)')
  process.kill(postmasterPid(dataDir), 'SIGKILL')
  assert.ok(isPlinthError(await first.exited, 'EmbeddedFailed'))
  await using second = await start(dataDir, { settings: {} })
  assert.deepEqual(await ask(second.url, 'select count(*)::int as n from note'), [{ n: 1000 }])
})

test('a lock and a pid file whose number another program got meanwhile are seen through', {
  skip: onlyLinux,
}, async () => {
  const dataDir = join(folder, 'reused')
  const first = await start(dataDir)
  process.kill(postmasterPid(dataDir), 'SIGKILL')
  await first.exited
  const other = spawn('sleep', ['60'], { cwd: '/', ...(isRoot ? { uid: otherUid, gid: otherUid } : {}) })
  try {
    const file = join(dataDir, 'cluster', 'postmaster.pid')
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(other.pid)))
    writeFileSync(join(dataDir, 'lock'), `${other.pid}\n1 of an earlier boot\n`)
    await using second = await start(dataDir)
    assert.deepEqual(await ask(second.url, 'select 1 as one'), [{ one: 1 }])
  } finally {
    other.kill()
  }
})

test('a lock of a program that died and that its parent never collected is seen through', {
  skip: onlyLinux,
}, async () => {
  const dataDir = join(folder, 'uncollected')
  mkdirSync(dataDir)
  // `exec` makes the parent a program that does not wait for the child.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'])
  try {
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (chunk) => resolve(Number(chunk))))
    const stat = (): string[] => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
    await until('the program is dead', 5_000, () => stat()[2] === 'Z')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    writeFileSync(join(dataDir, 'lock'), `${pid}\n${stat()[21]} ${boot}\n`)
    await using server = await start(dataDir)
    assert.ok(server.port > 0)
  } finally {
    parent.kill()
  }
})

test('an empty pid file, as a full disk leaves it, does not bar the folder', async () => {
  const dataDir = join(folder, 'empty-pid')
  await (await start(dataDir)).stop()
  writeFileSync(join(dataDir, 'cluster', 'postmaster.pid'), '')
  await using server = await start(dataDir)
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})

test('a lock that was being broken by a program that died does not bar the folder for ever', async () => {
  const dataDir = join(folder, 'half-broken')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'lock'), '999999999\ngone\n')
  writeFileSync(join(dataDir, 'lock.break'), '')
  utimesSync(join(dataDir, 'lock.break'), 0, 0)
  await using server = await start(dataDir)
  assert.equal(existsSync(join(dataDir, 'lock.break')), false)
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})

test('stop ends open connections, may be called twice, and frees the folder', async () => {
  const dataDir = join(folder, 'stopped')
  const server = await start(dataDir)
  const client = new Client({ connectionString: server.url })
  client.on('error', () => undefined)
  await client.connect()
  const sleeping = assert.rejects(client.query('select pg_sleep(60)'), /terminat/)
  await Promise.all([server.stop(), server.stop()])
  await sleeping
  assert.equal(existsSync(join(dataDir, 'lock')), false)
  assert.equal(existsSync(join(dataDir, 'cluster', 'postmaster.pid')), false)
})

test('a postgres that does not react is ended by force after the deadline', async () => {
  const dataDir = join(folder, 'stuck')
  const server = await start(dataDir)
  const pid = postmasterPid(dataDir)
  process.kill(pid, 'SIGSTOP')
  await server.stop({ deadlineMs: 50 })
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  await using second = await start(dataDir)
  assert.deepEqual(await ask(second.url, 'select 1 as one'), [{ one: 1 }])
})

test('a setting PostgreSQL refuses is an error with the end of its log, and leaves the folder free', async () => {
  const dataDir = join(folder, 'refused')
  await assert.rejects(
    start(dataDir, { settings: { no_such_setting: '1' } }),
    (error) => isPlinthError(error, 'EmbeddedFailed') && /no_such_setting/.test(error.message),
  )
  await using server = await start(dataDir)
  assert.ok(server.port > 0)
})

test('recovery that takes longer than startTimeoutMs is an error, and nothing is left running', async () => {
  const dataDir = join(folder, 'slow')
  await assert.rejects(
    start(dataDir, { startTimeoutMs: -1 }),
    (error) => isPlinthError(error, 'EmbeddedFailed') && /not ready in time/.test(error.message),
  )
  assert.equal(existsSync(join(dataDir, 'cluster', 'postmaster.pid')), false)
})

test('a lost password file is replaced, and the rows are kept', async () => {
  const dataDir = join(folder, 'forgotten')
  const first = await start(dataDir)
  await ask(first.url, 'create table note (id int)')
  await first.stop()
  rmSync(join(dataDir, 'password'))
  await using second = await start(dataDir)
  assert.notEqual(new URL(second.url).password, new URL(first.url).password)
  assert.deepEqual(await ask(second.url, 'select count(*)::int as n from note'), [{ n: 0 }])
})

test('a folder whose path is longer than a socket path may be works', async () => {
  await using server = await start(join(folder, 'long'.repeat(40)))
  assert.deepEqual(await ask(server.url, 'select 1 as one'), [{ one: 1 }])
})
