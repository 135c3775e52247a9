import assert from 'node:assert/strict'

/** Asks until the answer is something, and gives it. A machine that is busy with other tests keeps 30 s. */
export async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const found = await ask()
    if (found !== undefined && found !== false) return found
    assert.ok(Date.now() < deadline, 'not within 30 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
