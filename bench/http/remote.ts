import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Server, ServerName } from './servers.ts'

export interface RemoteServer extends Server {
  /** What its process has used so far. */
  cpuUsage(): Promise<NodeJS.CpuUsage>
}

export async function startRemote(name: ServerName, url: string, role: string): Promise<RemoteServer> {
  const child = fork(fileURLToPath(new URL('server-process.ts', import.meta.url)), [name, url, role], {
    // Without it PostGraphile's planner warns that it guesses.
    env: { ...process.env, NODE_ENV: 'production', GRAPHILE_ENV: 'production' },
  })
  const exited = once(child, 'exit')
  const message = async (key: string): Promise<unknown> => {
    const event: readonly unknown[] = await Promise.race([once(child, 'message'), exited])
    const got = event[0]
    if (typeof got !== 'object' || got === null || !(key in got)) throw new Error(`The server "${name}" ended.`)
    return Reflect.get(got, key)
  }
  return {
    url: String(await message('url')),
    cpuUsage: () => {
      const answer = message('cpu')
      child.send('cpu')
      return answer.then(readUsage)
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect()
      await exited
    },
  }
}

function readUsage(value: unknown): NodeJS.CpuUsage {
  if (typeof value !== 'object' || value === null || !('user' in value) || !('system' in value))
    throw new Error('No CPU usage.')
  return { user: Number(value.user), system: Number(value.system) }
}
