import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { chooseAccount } from '../src/embedded/account.ts'
import { onObservations } from '../src/observe/subscribe.ts'
import { errorOf, until } from './support/activity.ts'
import { ask, start, temporaryFolder } from './support/embedded.ts'
import { startProxy } from './support/proxy.ts'

const folder = temporaryFolder()
const server = await start(join(folder, 'data'), {
  settings: { fsync: 'off', max_connections: '6', superuser_reserved_connections: '1', max_wal_senders: '0' },
})
after(() => server.stop())

test('a cancel reaches its statement while every connection of the server is taken', async () => {
  const pool = { max: 6, sharedLanes: 0 }
  let opened = 0
  using _ = onObservations({ 'connection.open': () => void opened++ })
  await using db = createDatabase({ url: server.url, pool })
  const controller = new AbortController()
  const { signal } = controller
  const asked = Array.from({ length: 6 }, () => errorOf(db.query('select pg_sleep(60)', [], { signal })))
  // Not asked of the server before: whoever asks has one of its connections meanwhile.
  await until(() => Promise.resolve(opened === 6))
  await assert.rejects(ask(server.url, 'select 1'), isFull)
  controller.abort()
  for (const error of await Promise.all(asked)) assert.equal(error.code, 'Cancelled')
  // The same connections go on, so they were not cut instead.
  assert.equal((await db.query('select 1')).rowCount, 1)
})

test('a cancel that was not taken, and may still arrive, takes its connection with it', async () => {
  await using proxy = await startProxy(server.url)
  await using db = createDatabase({ url: proxy.url, pool: { max: 1, sharedLanes: 0, acquireTimeoutMs: 20_000 } })
  const whose = 'select pg_backend_pid() as pid'
  const before = await db.one(whose)
  proxy.become('accept and be silent')
  const controller = new AbortController()
  const asked = db.query('select pg_sleep(0.6)', [], { signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  // It ended by itself, before the request was given up.
  await asked.catch((error: unknown) => assert.ok(error instanceof Error))
  proxy.become('forward')
  assert.notDeepEqual(await db.one(whose), before)
})

test('where the server demands TLS a cancel is encrypted too, and checks the certificate', async (t) => {
  const files = makeCertificate()
  if (!files) return t.skip('needs openssl, to make a certificate')
  await demandTls(files)
  const first: string[] = []
  await using line = await watchedLine(first)
  const url = `${line.url}?sslmode=verify-full&sslrootcert=${files.certificate}`
  await assert.rejects(ask(line.url, 'select 1'), { code: '28000' })
  await using db = createDatabase({ url, pool: { max: 1 } })
  assert.deepEqual((await db.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows, [{ ssl: true }])
  first.length = 0
  const controller = new AbortController()
  const { signal } = controller
  const pid = await db.one<{ pid: number }>('select pg_backend_pid() as pid')
  const asked = errorOf(db.query('select pg_sleep(60)', [], { signal }))
  await until(() => db.health().then(({ pool }) => pool.busy === 1))
  setTimeout(() => controller.abort(), 200)
  assert.equal((await asked).code, 'Cancelled')
  assert.deepEqual(await db.one('select pg_backend_pid() as pid'), pid)
  assert.ok(first.length > 0 && first.every((code) => code === 'SSLRequest'), String(first))
})

const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === '53300'

interface Certificate {
  readonly certificate: string
  readonly key: string
}

/** Undefined without openssl. */
function makeCertificate(): Certificate | undefined {
  const [certificate, key] = [join(folder, 'server.crt'), join(folder, 'server.key')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const what = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate]
  const made = spawnSync('openssl', [...what, ...subject], { stdio: 'ignore' })
  if (made.status !== 0) return undefined
  const account = chooseAccount(join(server.dataDir, 'cluster'))
  if (account.isSwitched) for (const file of [certificate, key]) chownSync(file, account.uid, account.gid)
  return { certificate, key }
}

async function demandTls({ certificate, key }: Certificate): Promise<void> {
  const rules = join(server.dataDir, 'cluster', 'pg_hba.conf')
  await ask(
    server.url,
    `alter system set ssl_cert_file = '${certificate}'`,
    `alter system set ssl_key_file = '${key}'`,
    'alter system set ssl = on',
  )
  writeFileSync(rules, readFileSync(rules, 'utf8').replaceAll(/^host\b/gm, 'hostssl'))
  await ask(server.url, 'select pg_reload_conf()')
  await until(() =>
    ask(server.url, 'select 1').then(
      () => false,
      () => true,
    ),
  )
}

const names: Record<number, string> = {
  80_877_103: 'SSLRequest',
  80_877_102: 'CancelRequest',
  196_608: 'StartupMessage',
}

/** A line to the server that notes what each connection begins with. */
async function watchedLine(first: string[]): Promise<AsyncDisposable & { readonly url: string }> {
  const open = new Set<Socket>()
  const front = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => [client, upstream].forEach((end) => end.destroy()))
    }
    client.once('data', (data) => first.push(names[data.readInt32BE(4)] ?? 'unknown'))
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const address = front.address()
  const url = new URL(server.url)
  url.port = String(typeof address === 'object' ? address?.port : '')
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => front.close(resolve))
    },
  }
}
