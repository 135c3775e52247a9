/** Does one operation, the n-th of its round, and resolves to what it saw. */
export type Work = (n: number) => Promise<unknown>

/** One way of doing the work of a suite; `works` has no entry where the contestant has no way of its own. */
export interface Contestant extends AsyncDisposable {
  readonly name: string
  readonly works: Readonly<Partial<Record<string, Work>>>
  /** What its own process has used. Absent: it works in this one. */
  cpuUsage?(): Promise<NodeJS.CpuUsage>
}

export interface Suite {
  readonly title: string
  /** Its ratio is 1. */
  readonly baseline: string
  readonly works: readonly WorkKind[]
  open(): Promise<readonly Contestant[]>
}

export interface WorkKind {
  readonly name: string
  readonly title: string
  /** Throws when `seen` is not what operation `n` must answer: a contestant that does less is not measured. */
  check(seen: unknown, n: number): Promise<void> | void
}
