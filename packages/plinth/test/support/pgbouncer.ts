import { spawn } from 'node:child_process'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chooseAccount, identity } from '../../src/embedded/account.ts'
import { PlinthError } from '../../src/errors.ts'
import { until } from './activity.ts'
import { ask } from './embedded.ts'

const binaries = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer']
const binary = binaries.find((path) => existsSync(path))

/** For `skip` of a test: why it cannot run. Where PLINTH_REQUIRE_PGBOUNCER is 1 it runs, and fails. */
export const withoutPgBouncer: string | false =
  binary || process.env['PLINTH_REQUIRE_PGBOUNCER'] === '1' ? false : 'needs pgbouncer: apt-get install pgbouncer'

export interface PgBouncer extends AsyncDisposable {
  /** The server's url with the pooler's own host and port. */
  readonly url: string
  /** Runs a command of its console. */
  console(command: string): Promise<unknown[]>
}

/** Starts PgBouncer in transaction mode in front of the server of `url`. It refuses to run as root, as postgres does. */
export async function startPgBouncer(url: string, settings: Readonly<Record<string, string>>): Promise<PgBouncer> {
  if (!binary)
    throw new PlinthError('EmbeddedUnavailable', 'pgbouncer is not installed, and PLINTH_REQUIRE_PGBOUNCER is 1.')
  const server = new URL(url)
  const [port, folder] = await Promise.all([freePort(), mkdtemp(join(tmpdir(), 'plinth-pgbouncer-'))])
  const account = chooseAccount(folder)
  const [configuration, users] = ['pgbouncer.ini', 'users.txt'].map((name) => join(folder, name))
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: users,
    admin_users: server.username,
    pool_mode: 'transaction',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  const target = `* = host=${server.hostname} port=${server.port || '5432'}`
  await writeFile(`${configuration}`, ['[databases]', target, '[pgbouncer]', ...lines, ''].join('\n'))
  await writeFile(`${users}`, `"${server.username}" "${decodeURIComponent(server.password)}"\n`)
  if (account.isSwitched)
    await Promise.all([folder, `${configuration}`, `${users}`].map((path) => chown(path, account.uid, account.gid)))
  const child = spawn(binary, ['-q', `${configuration}`], { ...identity(account), cwd: folder, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  server.hostname = '127.0.0.1'
  server.port = String(port)
  const administered = new URL(server)
  administered.pathname = '/pgbouncer'
  const command = (text: string): Promise<unknown[]> => ask(administered.href, text)
  await until(() => command('show version').catch(() => undefined))
  return {
    url: server.href,
    console: command,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
