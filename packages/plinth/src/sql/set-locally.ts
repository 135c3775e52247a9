/** Sets what lasts as long as the transaction it runs in. */
export function setLocally(settings: readonly (readonly [name: string, value: string])[]): {
  readonly text: string
  readonly values: readonly string[]
} {
  const calls = settings.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`)
  return { text: `select ${calls.join(', ')}`, values: settings.flat() }
}
