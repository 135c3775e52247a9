/** Sets a property of a row. `__proto__` is a legal column name, so it is defined, not assigned. */
export function setProperty(row: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true })
  else row[name] = value
}
