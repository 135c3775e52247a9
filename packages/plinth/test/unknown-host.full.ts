import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase } from 'plinth'

// No name server is asked for a label of more than 63 bytes (RFC 1035, 2.3.4): the resolver itself says ENOTFOUND.
const url = `postgres://app@${'x'.repeat(64)}.example/app`

test('a host that nobody knows is given up after 5 s, not at the deadline, and the next caller begins anew', async () => {
  await using db = createDatabase({ url })
  for (const call of [() => db.connect({ deadlineMs: 60_000 }), () => db.query('select 1')]) {
    const from = performance.now()
    await assert.rejects(call(), { code: 'ConnectionFailed', hint: /No address is known for this host name/ })
    const took = performance.now() - from
    assert.ok(took >= 5_000 && took < 20_000, `${took} ms`)
  }
})
