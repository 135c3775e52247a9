/** A setting of the environment; without it, and without a default, the process does not start. */
export function setting(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise
  if (value === undefined) throw new TypeError(`The environment variable ${name} is not set.`)
  return value
}
