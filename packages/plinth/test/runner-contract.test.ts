import { after } from 'node:test'
import { runnerContract, runnerContractSchema } from '../src/testing/runner-contract.ts'
import { testDatabase } from './support/database.ts'
import { pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: runnerContractSchema })
const runner = pgRunner(url, 5)
after(() => runner.close())

runnerContract({
  name: 'compiler and decoders alone',
  open: () => Promise.resolve({ runner, close: () => Promise.resolve() }),
})
