import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHub, type Hub } from '@plinth/hub'
import fc from 'fast-check'
import { hashed, keys, testHub } from './support/hub.ts'
import { recordStatements } from './support/recorder.ts'
import { fill, type Template, templates } from './support/requests.ts'

const hub = testHub()

/** Requests to make; the quick suite makes fewer. `PLINTH_FUZZ_REQUESTS=200000` is the long form. */
const requests = Number(process.env['PLINTH_FUZZ_REQUESTS'] ?? 3_000)
const together = 20
const marker = 'zqcanary'

/** A hub whose statements are written down on their way to the real database, by the request they are for. */
function recording(): { readonly hub: Hub; readonly take: () => readonly string[] } {
  let texts: string[] = []
  const recorder = recordStatements(hub.database, ({ text }) => texts.push(text))
  const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)] } }
  const take = (): readonly string[] => {
    const taken = texts
    texts = []
    return taken
  }
  return {
    hub: createHub({ database: recorder, services, dialect: { hasAggregates: true, transactionEnd: 'rollback' } }),
    take,
  }
}

async function send(to: Hub, { method, path, headers, body }: Template): Promise<Response> {
  const authorization = `Bearer ${keys.backend}`
  return to.handle(
    new Request(`http://hub${path}`, { method, headers: { ...headers, authorization }, body: body ?? null }),
  )
}

test('no request of any shape is the fault of the hub, hangs, or writes into the text of a statement', async (t) => {
  const { hub: gate, take } = recording()
  const counts = new Map<string, number>()
  const answered = async (request: Template): Promise<readonly string[]> => {
    const response = await send(gate, request)
    const text = await response.text()
    counts.set(String(response.status), (counts.get(String(response.status)) ?? 0) + 1)
    assert.ok(response.status < 500, `${request.method} ${request.path} → ${response.status} ${text}`)
    const texts = take()
    for (const one of texts) assert.ok(!one.includes(marker), `${request.method} ${request.path} → ${one}`)
    return texts
  }
  const property = fc.asyncProperty(
    fc.array(templates, { minLength: together / 2, maxLength: together / 2 }),
    async (all) => {
      for (const template of all) {
        const first = await answered(fill(template, `${marker}a`, 7))
        const second = await answered(fill(template, `${marker}bb`, 12))
        assert.deepEqual(second, first, `${template.method} ${template.path}`)
      }
    },
  )
  await fc.assert(property, { numRuns: Math.ceil(requests / together) })
  t.diagnostic(
    [...counts]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([status, count]) => `${status}: ${count}`)
      .join(', '),
  )
})
