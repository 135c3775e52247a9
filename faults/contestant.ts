/** What is known of an operation when its call has ended; `open`: it has not. */
export type Ending = 'ok' | 'fail' | 'unknown' | 'open'

export type Row = Readonly<Record<string, unknown>>
export type Ask = (text: string, values: readonly (string | number)[]) => Promise<readonly Row[]>

export interface Work {
  readonly name: string
  readonly isolation?: 'serializable'
}

/** Whatever runs the workload: Plinth, or what a careful team writes on pg.Pool. */
export interface Contestant extends AsyncDisposable {
  readonly single: Ask
  transaction(work: (ask: Ask) => Promise<void>, options: Work): Promise<void>
  /** What its user takes an error for, and its name in the log. */
  judge(error: unknown): { readonly ending: Ending; readonly code: string }
}

export interface Connecting {
  readonly url: string
  /** application_name of its connections. */
  readonly service: string
}

export type OpenContestant = (connecting: Connecting) => Contestant

/** Settings of both; a call that outlives them all is late. */
export const limits = {
  connections: 6,
  acquireMs: 2000,
  connectMs: 1500,
  statementMs: 2000,
  lockMs: 1000,
  /** In a transaction: what a client that is gone holds is free after this. */
  idleMs: 2000,
  transactionMs: 3000,
} as const
