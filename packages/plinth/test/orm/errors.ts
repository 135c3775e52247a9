interface Link {
  readonly code: unknown
  readonly message: string
}

/** An error and its causes, with the code each carries. */
export function chain(error: unknown): readonly Link[] {
  const found: Link[] = []
  let at: unknown = error
  for (let depth = 0; depth < 10 && at instanceof Error; depth++) {
    found.push({ code: 'code' in at ? at.code : undefined, message: at.message })
    at = nextOf(at)
  }
  return found
}

/** Each library has its own name for what it wraps. */
function nextOf(error: Error): unknown {
  if (error.cause !== undefined) return error.cause
  for (const name of ['driverError', 'previous', 'originalError', 'original']) {
    const inner: unknown = Object(error)[name]
    if (inner instanceof Error && inner !== error) return inner
  }
  return undefined
}

/** As its code, or where a library keeps nothing but the words, in its message. */
export function hasCode(...codes: string[]): (one: Link) => boolean {
  return ({ code, message }) => codes.some((one) => code === one || message.includes(one))
}
