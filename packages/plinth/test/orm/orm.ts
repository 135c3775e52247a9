/** What a library is asked to do; each adapter says it in the library's own words. */
export interface Orm {
  /** Inserts a row of `item` by the root handle. */
  insert(id: number): Promise<unknown>
  /** By the root handle. */
  run(sql: string): Promise<unknown>
  /** The library's own callback form. */
  transaction(work: (tx: OrmTransaction) => Promise<unknown>): Promise<unknown>
  close(): Promise<unknown>
}

export interface OrmTransaction {
  insert(id: number): Promise<unknown>
  run(sql: string): Promise<unknown>
  /** A nested transaction, where the library has them. */
  nested?(work: (tx: OrmTransaction) => Promise<unknown>): Promise<unknown>
}
