export interface Timer {
  readonly passed: Promise<void>
  clear(): void
}

/** `passed` resolves after `ms`, unless cleared before. */
export function startTimer(ms: number): Timer {
  const { promise, resolve } = Promise.withResolvers<void>()
  const handle = setTimeout(resolve, ms)
  return { passed: promise, clear: () => clearTimeout(handle) }
}
