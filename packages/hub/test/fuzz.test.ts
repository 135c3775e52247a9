import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHub, type Hub } from '@plinth/hub'
import fc from 'fast-check'
import { hashed, keys, testHub } from './support/hub.ts'
import { recordStatements, type Sent } from './support/recorder.ts'
import { fill, type Template, templates } from './support/requests.ts'

const hub = testHub()

/** Requests to make; the quick suite makes fewer. `PLINTH_FUZZ_REQUESTS=200000` is the long form. */
const requests = Number(process.env['PLINTH_FUZZ_REQUESTS'] ?? 3_000)
/** Templates of one run, each asked twice, and what is a read and may be remembered five times. */
const together = 10
const perRun = 40
const marker = 'zqcanary'

/** A hub whose statements are written down on their way to the real database, by the request they are for. */
function recording(): { readonly hub: Hub; readonly take: () => readonly Sent[] } {
  let sent: Sent[] = []
  const recorder = recordStatements(hub.database, (one) => sent.push(one))
  const services = { backend: { role: hub.roles.backend, keys: [hashed(keys.backend)] } }
  const take = (): readonly Sent[] => {
    const taken = sent
    sent = []
    return taken
  }
  return {
    hub: createHub({ database: recorder, services, dialect: { hasAggregates: true, transactionEnd: 'rollback' } }),
    take,
  }
}

type Statement = Pick<Sent, 'text' | 'values'>

const textOf = ({ text }: Statement): string => text

async function send(to: Hub, { method, path, headers, body }: Template): Promise<Response> {
  const authorization = `Bearer ${keys.backend}`
  return to.handle(
    new Request(`http://hub${path}`, { method, headers: { ...headers, authorization }, body: body ?? null }),
  )
}

/** An error has PostgREST's four members and tells nothing of the inside: no statement, no place in a source. */
function assertPlain(text: string): void {
  assert.deepEqual(Object.keys(JSON.parse(text)).slice(0, 4), ['code', 'message', 'details', 'hint'], text)
  assert.doesNotMatch(text, /\bselect \S+ from\b|\.[jt]s:\d|node_modules|set_config/i)
}

test('no request of any shape is the fault of the hub, hangs, or writes into the text of a statement', async (t) => {
  const { hub: gate, take } = recording()
  const counts = new Map<string, number>()
  const answered = async (
    request: Template,
  ): Promise<{ readonly sent: readonly Statement[]; readonly answer: unknown }> => {
    const response = await send(gate, request)
    const text = await response.text()
    counts.set(String(response.status), (counts.get(String(response.status)) ?? 0) + 1)
    assert.ok(response.status < 500, `${request.method} ${request.path} → ${response.status} ${text}`)
    if (response.status >= 400 && request.method !== 'HEAD') assertPlain(text)
    // The settings of a request tell its own headers.
    const sent = take().map(({ text, values }) => ({ text, values }))
    for (const one of sent) assert.ok(!one.text.includes(marker), `${request.method} ${request.path} → ${one.text}`)
    return { sent, answer: [response.status, Object.fromEntries(response.headers), text] }
  }
  /**
   * The third of a shape is a copy of what is remembered, the fourth has the statement of the third; one with another
   * Range, which says nothing, is read anew.
   */
  let strangers = 0
  const checkRemembered = async (template: Template): Promise<void> => {
    const isRead = template.method === 'GET' || template.method === 'HEAD'
    if (!isRead || 'range' in template.headers) return
    const filled = fill(template, `${marker}ccc`, 30)
    await answered(fill(template, `${marker}dddd`, 2))
    const copy = await answered(filled)
    const anew = await answered({ ...filled, headers: { ...filled.headers, range: `none ${strangers++}` } })
    assert.deepEqual(copy, anew, `${template.method} ${template.path}`)
  }
  const property = fc.asyncProperty(fc.array(templates, { minLength: together, maxLength: together }), async (all) => {
    for (const template of all) {
      const { sent: first } = await answered(fill(template, `${marker}a`, 7))
      const { sent: second } = await answered(fill(template, `${marker}bb`, 12))
      assert.deepEqual(second.map(textOf), first.map(textOf), `${template.method} ${template.path}`)
      await checkRemembered(template)
    }
  })
  await fc.assert(property, { numRuns: Math.ceil(requests / perRun) })
  t.diagnostic(
    [...counts]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([status, count]) => `${status}: ${count}`)
      .join(', '),
  )
})
