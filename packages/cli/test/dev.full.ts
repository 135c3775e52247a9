import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  addressOf,
  bin,
  run,
  type Command,
  plinth,
  processesBelow,
  refusal,
  temporaryFolder,
  until,
} from './support/command.ts'

// One folder through its life: the tests build on each other, because each start of PostgreSQL takes its time.
const cwd = temporaryFolder()
const onlyLinux = process.platform === 'linux' ? false : 'reads /proc'
const ready = 'Ctrl-C stops everything.'

async function startDev(...args: string[]): Promise<{ command: Command; output: string }> {
  const command = plinth(['dev', '--port', '0', ...args], { cwd })
  return { command, output: await command.output(ready) }
}

/** Runs what the terminal shows as it would be pasted. */
function paste(line: string): unknown {
  return JSON.parse(
    execFileSync('/bin/sh', ['-c', `${line} --silent --show-error --fail-with-body`], { encoding: 'utf8' }),
  )
}

function curlLines(output: string): string[] {
  return output.split('\n').filter((line) => line.startsWith('curl '))
}

function keyOf(service: string, output: string): string {
  return new RegExp(`^Service ${service}, key (\\S+)`, 'm').exec(output)?.[1] ?? ''
}

async function ask(output: string, path: string, key: string): Promise<{ status: number; range: string | null }> {
  const response = await fetch(addressOf('Hub', output) + path, {
    headers: { authorization: `Bearer ${key}`, prefer: 'count=exact', range: '0-0' },
  })
  await response.arrayBuffer()
  return { status: response.status, range: response.headers.get('content-range') }
}

let firstKeys: string[] = []

test('a start that is killed while it fills the database is made up for by the next', async () => {
  const command = plinth(['dev', '--port', '0'], { cwd })
  await command.output('Filling the database')
  await command.stop('SIGKILL')
  const { output } = await startDev().then(async (started) => {
    const { code } = await started.command.stop('SIGINT')
    assert.equal(code, 0)
    return started
  })
  for (const line of [/users +1,000 rows/, /blogs +10,000 rows/, /comments +30,000 rows/]) assert.match(output, line)
  firstKeys = [keyOf('backend', output), keyOf('server', output)]
})

test('the data and the keys are readable by their owner alone, and git does not see them', () => {
  assert.equal(statSync(join(cwd, '.plinth/sample.keys.json')).mode & 0o077, 0)
  assert.equal(readFileSync(join(cwd, '.plinth/.gitignore'), 'utf8'), '*\n')
})

test('both curl lines work as they are printed, and what was written is there at the next start', async () => {
  const first = await startDev()
  const [read = '', write = ''] = curlLines(first.output)
  const posts = paste(read)
  assert.ok(Array.isArray(posts) && posts.length === 3)
  const [comment] = Array.isArray(posts) ? [paste(write)] : []
  assert.match(JSON.stringify(comment), /"id":\s?30001,.*Written with curl/)
  assert.deepEqual(await ask(first.output, '/comments', keyOf('server', first.output)), {
    status: 206,
    range: '0-0/30001',
  })
  assert.equal((await fetch(addressOf('Admin', first.output))).status, 200)
  assert.equal((await first.command.stop('SIGTERM')).code, 0)
  const second = await startDev()
  assert.match(second.output, /comments +30,001 rows/)
  assert.match(second.output, /kept since/)
  assert.deepEqual([keyOf('backend', second.output), keyOf('server', second.output)], firstKeys)
  assert.equal((await second.command.stop('SIGINT')).code, 0)
})

test('each service may use its own tables only, and a request without a key none', async () => {
  const { command, output } = await startDev()
  const [backend, server] = [keyOf('backend', output), keyOf('server', output)]
  assert.equal((await ask(output, '/users', backend)).range, '0-0/1000')
  assert.equal((await ask(output, '/blogs', server)).range, '0-0/10000')
  assert.equal((await ask(output, '/blogs', backend)).status, 403)
  assert.equal((await ask(output, '/users', server)).status, 403)
  assert.equal((await fetch(`${addressOf('Hub', output)}/users`)).status, 401)

  // While it runs, its folder and its ports are taken.
  assert.match(await refusal(['dev', '--port', '0'], { cwd }), /\.plinth\/sample is in use by process \d+/)
  const port = new URL(addressOf('Hub', output)).port
  const other = ['dev', '--data', 'other', '--port', port]
  assert.match(await refusal(other, { cwd }), new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken`))
  const postgres = new URL(addressOf('PostgreSQL', output))
  postgres.password = 'wrong'
  assert.match(await refusal(['hub', '--url', postgres.href]), /refused the login: password authentication failed/)

  await command.stop('SIGKILL')
  if (!onlyLinux) await until('postgres is gone', 3_000, () => processesBelow(join(cwd, '.plinth')).length === 0)
})

test('a second Ctrl-C does not wait for a request that never ends', { skip: onlyLinux }, async () => {
  const { command, output } = await startDev()
  const { hostname, port } = new URL(addressOf('Hub', output))
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.write('POST /users HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{')
  await once(socket, 'connect')
  command.child.kill('SIGINT')
  await command.output('Stopping.')
  assert.equal((await command.stop('SIGINT')).code, 130)
  socket.destroy()
  await until('postgres is gone', 3_000, () => processesBelow(join(cwd, '.plinth')).length === 0)
})

test('when PostgreSQL ends by itself the command says so and ends', { skip: onlyLinux }, async () => {
  const { command } = await startDev()
  const pid = Number.parseInt(readFileSync(join(cwd, '.plinth/sample/cluster/postmaster.pid'), 'utf8'), 10)
  process.kill(pid, 'SIGKILL')
  const { code, stderr } = await command.ended
  assert.equal(code, 1)
  assert.match(stderr, /^plinth: The PostgreSQL of [^\n]+ ended[^\n]+\n$/)
})

test('a broken data folder is told in one line and left as it is', async () => {
  const control = join(cwd, 'other/sample/cluster/global/pg_control')
  renameSync(control, `${control}.away`)
  assert.match(
    await refusal(['dev', '--data', 'other', '--port', '0'], { cwd }),
    /broken: global\/pg_control is missing/,
  )
  writeFileSync(control, 'not a control file')
  assert.match(await refusal(['dev', '--data', 'other', '--port', '0'], { cwd }), /did not start .*PANIC|FATAL/)
  renameSync(`${control}.away`, control)
})

test('a folder that cannot be written is told in one line', async (t) => {
  assert.match(
    await refusal(['dev', '--data', '/dev/null/plinth', '--port', '0']),
    /\/dev\/null\/plinth cannot be used/,
  )
  if (process.getuid?.() !== 0) return t.skip('the second half needs root, to act as another user')
  mkdirSync(join(cwd, 'closed'), { mode: 0o755 })
  const line = await refusal(['dev', '--data', join(cwd, 'closed'), '--port', '0'], { cwd: '/', uid: 65_534 })
  assert.match(line, /cannot make the data folder .*closed.*Give that user the folder/)
})

test('a platform without PostgreSQL binaries is told in one line what to do', async () => {
  const nodeArgs = ['--import', "data:text/javascript,Object.defineProperty(process,'platform',{value:'win32'})"]
  const line = await refusal(['dev', '--data', 'foreign', '--port', '0'], { cwd, nodeArgs })
  assert.match(line, /No PostgreSQL for win32-\w+: .*npm install --save-dev/)
})

test('a data directory of another PostgreSQL is not touched', async () => {
  mkdirSync(join(cwd, 'pgdata'))
  writeFileSync(join(cwd, 'pgdata/PG_VERSION'), '18\n')
  assert.match(
    await refusal(['dev', '--data', 'pgdata', '--port', '0'], { cwd }),
    /data directory of another PostgreSQL/,
  )
})

test('under npm it ends when npm is killed', { skip: onlyLinux }, async () => {
  writeFileSync(
    join(cwd, 'package.json'),
    JSON.stringify({ scripts: { start: `exec "${process.execPath}" "${bin}" dev --port 0` } }),
  )
  const npm = run('npm', ['start'], { cwd })
  await npm.output(ready)
  await npm.stop('SIGKILL')
  await until('postgres is gone', 3_000, () => processesBelow(join(cwd, '.plinth')).length === 0)
})
