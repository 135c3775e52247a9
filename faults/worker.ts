// The clients of a process that is to be killed or frozen: contestant, url, service, seed. Begun by faults/process.ts.
import { PlinthError } from '../packages/plinth/src/errors.ts'
import { contestants } from './contestants/all.ts'
import { seededRandom } from './random.ts'
import { startWorkload } from './workload.ts'

const [name = '', url = '', service = '', seed = '1'] = process.argv.slice(2)
const open = contestants[name]
if (!open) throw new PlinthError('InvalidOption', `There is no contestant ${name}.`)
const contestant = open({ url, service })
const workload = startWorkload(contestant, seededRandom(Number(seed)), service, (entry) => {
  process.stdout.write(`${JSON.stringify(entry)}\n`)
})

const longestMs = 20_000

process.once('SIGTERM', () => {
  void workload
    .stop(longestMs)
    .then(() => contestant[Symbol.asyncDispose]())
    .then(() => process.exit(0))
})
