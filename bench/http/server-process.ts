// One server in a process of its own, so that its CPU is its own: neither the load generator's nor another server's.
import assert from 'node:assert/strict'
import { type Server, type ServerName, servers } from './servers.ts'

const [name, url, role = ''] = process.argv.slice(2)
assert.ok(url !== undefined && isName(name) && process.send !== undefined, 'bench/http/remote.ts starts this')
const server: Server = await servers[name](url, role)
process.send({ url: server.url })
process.on('message', () => process.send?.({ cpu: process.cpuUsage() }))
process.once('disconnect', () => void stop())

async function stop(): Promise<void> {
  await server[Symbol.asyncDispose]()
  process.exit()
}

function isName(text: string | undefined): text is ServerName {
  return text !== undefined && Object.hasOwn(servers, text)
}
