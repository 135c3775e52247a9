import { type Task, task } from '../../src/services.ts'

/** Reads, waits for `work`, and writes one row with the end of the task. */
export function effect(work: () => Promise<void>, ended: () => void = () => undefined): Task<null> {
  return task('effect', async (_: null, { db, id, attempt, complete }) => {
    await db.query('select count(*) from effect')
    await work()
    await complete(async (tx) => {
      await tx.query('insert into effect values ($1, $2)', [id, attempt])
      await tx.query('select count(*) from effect')
    })
    ended()
  })
}
