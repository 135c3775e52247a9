import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testHub } from './support/hub.ts'

const rows = 2_000_000
const hub = testHub(
  () => ({}),
  ({ anonymous }) => `
    create table events (id int primary key, kind text, at timestamptz, payload text);
    insert into events select n, 'kind ' || n % 7, now(), repeat('x', 40) from generate_series(1, ${rows}) n;
    grant select on events to ${anonymous};`,
)
const path = '/events?select=id,kind,at,payload'

interface HubProcess extends AsyncDisposable {
  readonly url: string
  readonly peakKiB: () => Promise<number>
}

/** The hub in a process of its own, logged in as the test's hub is. */
async function startProcess(): Promise<HubProcess> {
  const [row] = await hub.sql(
    `select format('postgres://%s:test@127.0.0.1:%s/%s', $1::text, current_setting('port'), current_database()) as url`,
    [hub.roles.login],
  )
  const file = fileURLToPath(new URL('support/hub-process.ts', import.meta.url))
  const child = fork(file, [String(row?.['url']), hub.roles.anonymous], { execArgv: ['--conditions=plinth-dev'] })
  const ended = once(child, 'exit')
  const [started] = await once(child, 'message')
  const peakKiB = async (): Promise<number> => {
    child.send('peak')
    const [told] = await once(child, 'message')
    return told.peakKiB
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return { url: started.url, peakKiB, [Symbol.asyncDispose]: stop }
}

function request(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(url, resolve).on('error', reject))
}

test('two million rows are one answer inside 200 MiB of the hub, read slowly', { timeout: 240_000 }, async () => {
  await using started = await startProcess()
  const { url, peakKiB } = started
  const response = await request(`${url}${path}`)
  assert.equal(response.statusCode, 200)
  let [objects, bytes, pausedAt] = [0, 0, 0]
  let [first, last] = ['', '']
  for await (const chunk of response) {
    // With the end of the chunk before, for a word may begin there.
    const text = last + chunk.toString('latin1')
    if (bytes === 0) first = text.slice(0, 7)
    last = text.slice(-3)
    bytes += chunk.length
    for (let at = text.indexOf('"id"'); at >= 0; at = text.indexOf('"id"', at + 1)) objects++
    // A client that is slower than the database: what it has not taken must wait in PostgreSQL.
    if (bytes - pausedAt > 4_000_000) {
      pausedAt = bytes
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  assert.deepEqual([first, last], ['[{"id":', '"}]'])
  assert.ok(bytes > 200_000_000, `${bytes} bytes`)
  assert.ok(Math.abs(objects - rows) < rows / 1000, `${objects} objects`)
  const peak = (await peakKiB()) / 1024
  console.log(`${bytes} bytes, at most ${Math.round(peak)} MiB resident`)
  assert.ok(peak < 200, `${peak} MiB were resident`)
})

test('a client that hangs up ends its statement, and a killed backend breaks the answer off', {
  timeout: 60_000,
}, async () => {
  await using started = await startProcess()
  const { url } = started
  const running = `select pid from pg_stat_activity where datname = current_database() and query like '%row_to_json%'
    and state <> 'idle' and pid <> pg_backend_pid()`
  const untilNone = async (): Promise<void> => {
    while ((await hub.sql(running)).length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const hungUp = await request(`${url}${path}`)
  await once(hungUp, 'readable')
  assert.equal((await hub.sql(running)).length, 1)
  hungUp.destroy()
  await untilNone()
  const killed = await request(`${url}${path}`)
  await once(killed, 'readable')
  for (const { pid } of await hub.sql(running)) await hub.sql('select pg_terminate_backend($1)', [pid])
  await assert.rejects(async () => {
    for await (const _ of killed);
  })
  const next = await request(`${url}/events?id=eq.7&select=id`)
  assert.equal((await next.toArray()).join(''), '[{"id":7}]')
})
