// A longer line to PostgreSQL, in a process of its own so that its work is not on the contestants' bill.
import assert from 'node:assert/strict'
import { startFaultProxy } from 'plinth/testing'

const [url, delay] = process.argv.slice(2)
assert.ok(url !== undefined && process.send !== undefined, 'bench/distance.ts starts this')
const proxy = await startFaultProxy(url)
proxy.shape({ delayMs: Number(delay) })
process.send(proxy.url)
process.once('disconnect', () => process.exit())
