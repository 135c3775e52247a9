// A program of its own that starts an embedded PostgreSQL, for tests that kill it or run it as another user.
// Arguments: data folder, cache folder, uid. Writes one JSON line: what was started, or the error; then it stays.
import { startEmbedded } from '../../src/embedded/server.ts'
import type { Embedded } from '../../src/embedded/server.ts'
import { isPlinthError } from '../../src/errors.ts'

const [dataDir = '', cacheDir, uid] = process.argv.slice(2)

function write(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

async function stopAtInterrupt(server: Embedded): Promise<void> {
  // A postgres that had got the SIGINT itself would end now.
  const atInterrupt = await Promise.race([server.exited, new Promise((resolve) => setTimeout(resolve, 300, 'alive'))])
  write({ atInterrupt })
  await server.stop()
  process.exit(0)
}

if (uid) {
  process.setgroups?.([])
  process.setgid?.(Number(uid))
  process.setuid?.(Number(uid))
}

try {
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const server = await startEmbedded({ dataDir, settings, ...(cacheDir ? { cacheDir } : {}) })
  process.on('SIGINT', () => void stopAtInterrupt(server))
  write({ url: server.url, port: server.port })
} catch (error) {
  write(
    isPlinthError(error) ? { code: error.code, message: error.message } : { code: 'unknown', message: String(error) },
  )
}
