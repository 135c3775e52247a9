import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createClient } from '@redis/client'
import { until } from './until.ts'

const given = process.env['REDIS_URL']
const program = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)

/** For `skip` of a test: why it cannot run. Where PLINTH_REQUIRE_REDIS is 1 it runs, and fails. */
export const withoutRedis: string | false =
  given || program || process.env['PLINTH_REQUIRE_REDIS'] === '1' ? false : 'needs redis-server or valkey-server'

/** The same for a test that stops Redis, which it may not do to one that was given. */
export const withoutOwnRedis: string | false = given ? 'the Redis of REDIS_URL is not stopped' : withoutRedis

export interface RedisServer extends AsyncDisposable {
  readonly url: string
  /** SIGKILL: what it holds is gone, and nobody is told. */
  stop(): Promise<void>
  start(): Promise<void>
  /** SIGSTOP: it answers nobody, and its connections stay. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
}

/** That of REDIS_URL, else one of its own on a free port, which keeps nothing on disk. */
export async function startRedis(): Promise<RedisServer> {
  if (given) return unstoppable(given)
  if (!program) throw new TypeError('redis-server is not installed, and PLINTH_REQUIRE_REDIS is 1.')
  const port = String(await freePort())
  const url = `redis://127.0.0.1:${port}`
  let end = nothing
  let signal = (_: NodeJS.Signals): void => undefined
  const start = async (): Promise<void> => {
    const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const child = spawn(program, args, { stdio: 'ignore' })
    const ended = once(child, 'exit')
    signal = (name) => void child.kill(name)
    end = async () => {
      child.kill('SIGKILL')
      await ended
    }
    await until('Redis answers', () => isThere(url))
  }
  await start()
  const freezing = { freeze: () => signal('SIGSTOP'), thaw: () => signal('SIGCONT') }
  return { url, start, stop: () => end(), ...freezing, [Symbol.asyncDispose]: () => end() }
}

function unstoppable(url: string): RedisServer {
  const unfrozen = { freeze: () => undefined, thaw: () => undefined }
  return { url, stop: nothing, start: nothing, ...unfrozen, [Symbol.asyncDispose]: nothing }
}

async function nothing(): Promise<void> {}

async function isThere(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => undefined)
  const isOpen = await client.connect().then(
    () => true,
    () => false,
  )
  client.destroy()
  return isOpen
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
