import { connectHub } from 'plinth/hub-client'
import { runnerContract, runnerContractSchema } from 'plinth/testing'
import { keys, testHub } from './support/hub.ts'

const hub = testHub()
let loaded: Promise<unknown> | undefined

runnerContract({
  name: 'hub client',
  open: async () => {
    loaded ??= hub.sql(runnerContractSchema)
    await loaded
    const client = connectHub({ url: hub.url, key: keys.backend })
    return { runner: client, close: () => client.close() }
  },
})
