import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ask } from './support/client.ts'
import { runPlinth } from './support/service.ts'
import { until } from './support/until.ts'

test('npm run dev starts everything, filled, and ends in order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-example-dev-'))
  const program = fileURLToPath(new URL('../dev.ts', import.meta.url))
  const child = spawn(process.execPath, ['--conditions=plinth-dev', program, join(folder, 'data')], {
    env: { ...process.env, PORT: '0', REDIS_URL: 'redis://127.0.0.1:9' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const urlOf = (name: string): string => new RegExp(`^${name} listens on (\\S+)`, 'm').exec(output)?.[1] ?? ''
  try {
    await until('both services listen', async () => urlOf('backend') !== '' && urlOf('server') !== '', 60_000)
    assert.equal((await ask(`${urlOf('backend')}/health`)).body['status'], 'degraded')
    const { rows } = (await ask(`${urlOf('server')}/blogs`)).body
    assert.match(await runPlinth(['migrate', 'status'], {}), /0002_longer_titles/)
    assert.deepEqual(Array.isArray(rows) && rows.map(({ title }) => title), ['On structure', 'The first bug'])
  } finally {
    child.kill('SIGTERM')
    const [code] = await ended
    assert.equal(code, 0, output)
    await rm(folder, { recursive: true, force: true })
  }
  assert.equal(output.match(/database closed/g)?.length, 4)
})
