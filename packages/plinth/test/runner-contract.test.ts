import { after } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { runnerContract, runnerContractSchema } from '../src/testing/runner-contract.ts'
import { testDatabase } from './support/database.ts'
import { pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: runnerContractSchema })
const bare = pgRunner(url, 5)
const db = createDatabase({ url, pool: { max: 5 } })
after(() => db.close())
after(() => bare.close())

const nothing = (): Promise<void> => Promise.resolve()

runnerContract({ name: 'pg alone', open: () => Promise.resolve({ runner: bare, close: nothing }) })

runnerContract({ name: 'database', open: () => Promise.resolve({ runner: db, close: nothing }) })

runnerContract({
  name: 'session',
  open: async () => {
    const session = await db.session()
    return { runner: session, close: async () => session[Symbol.asyncDispose]() }
  },
})

runnerContract({
  name: 'transaction',
  open: async () => {
    const tx = await db.begin()
    return { runner: tx, close: () => tx.rollback() }
  },
})
