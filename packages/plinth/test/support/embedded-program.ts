// A program of its own that starts an embedded PostgreSQL, for tests that kill it or run it as another user.
// Writes one JSON line: what was started, or the error. Then it stays, as a server would.
import { startEmbedded } from '../../src/embedded/server.ts'
import { isPlinthError } from '../../src/errors.ts'

const { uid, onInterrupt, ...options } = JSON.parse(process.argv[2] ?? '{}')

if (uid !== undefined) {
  process.setgroups?.([])
  process.setgid?.(uid)
  process.setuid?.(uid)
}

try {
  const server = await startEmbedded(options)
  process.on('SIGINT', async () => {
    // A postgres that had got the SIGINT itself would be gone by now.
    const ended = await Promise.race([server.exited, new Promise((resolve) => setTimeout(resolve, 300, 'alive'))])
    process.stdout.write(`${JSON.stringify({ atInterrupt: ended })}\n`)
    await server.stop()
    process.exit(0)
  })
  process.stdout.write(`${JSON.stringify({ url: server.url, port: server.port })}\n`)
} catch (error) {
  const known = isPlinthError(error)
    ? { code: error.code, message: error.message }
    : { code: 'unknown', message: String(error) }
  process.stdout.write(`${JSON.stringify(known)}\n`)
}
