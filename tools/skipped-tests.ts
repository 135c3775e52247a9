// A reporter of node:test: at the end, how many tests were skipped, and why.
import type { TestEvent } from 'node:test/reporters'

export default async function* (events: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const counts = new Map<string, number>()
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || !data.skip) continue
    const reason = data.skip === true ? data.name : data.skip
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  for (const [reason, count] of counts) yield `not run: ${count} ${count === 1 ? 'test' : 'tests'} (${reason})\n`
}
