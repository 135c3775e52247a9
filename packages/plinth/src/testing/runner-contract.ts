import { suite, test } from 'node:test'
import { table } from '../operation/table.ts'
import { errorCases } from './contract-errors.ts'
import { kindCases } from './contract-kinds.ts'
import { nestedCases } from './contract-nested.ts'
import { readCases } from './contract-reads.ts'
import { members, people, posts, type Runner } from './contract-schema.ts'
import { writeCases } from './contract-writes.ts'

export { runnerContractSchema } from './contract-schema.ts'
export type { Runner } from './contract-schema.ts'

export interface OpenRunner {
  readonly runner: Runner
  /** Ends what was opened: rolls a transaction back, gives a session back. */
  readonly close: () => Promise<void>
}

export interface RunnerContract {
  /** Stands in front of the tests' names. */
  readonly name: string
  /** Called for each test. The database holds `runnerContractSchema` and nobody else works on its tables. */
  readonly open: () => Promise<OpenRunner>
}

/**
 * Registers with node:test what every runner must do: each method of `table()`, each type's values there and back, and
 * each error as the same PlinthError.
 *
 *     runnerContract({ name: 'database', open: async () => ({ runner: db, close: async () => {} }) })
 */
export function runnerContract({ name, open }: RunnerContract): void {
  suite(name, () => {
    for (const { title, check } of [...readCases, ...writeCases, ...nestedCases, ...kindCases, ...errorCases]) {
      test(`${name}: ${title}`, async () => {
        const { runner, close } = await open()
        try {
          await empty(runner)
          await check(runner)
        } finally {
          await close()
        }
      })
    }
  })
}

async function empty(runner: Runner): Promise<void> {
  const others = [table('contract_kind'), table({ name: 'contract "odd" {}' })]
  for (const each of [posts, members, people, ...others]) await runner.run(each.deleteAll())
}
