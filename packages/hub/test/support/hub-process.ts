// A hub in a process of its own, so that its memory can be looked at. Started with an IPC channel.
import { readFileSync } from 'node:fs'
import { createHub } from '@plinth/hub'
import { createDatabase } from 'plinth'

const [url = '', role = ''] = process.argv.slice(2)
const database = createDatabase({ url })
const hub = createHub({ database, anonymousRole: role })
process.send?.({ url: await hub.listen({ port: 0 }) })

/** The most memory that was resident at once, in KiB. */
function peakKiB(): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
}

process.on('message', () => process.send?.({ peakKiB: peakKiB() }))
process.on('disconnect', () => process.exit())
