/** The command line cannot be followed. Never leaves the command, so it needs no code of a PlinthError. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
