/**
 * Keeps the values of a label few: the first `most` names pass, each later one is `other`. A name once passed is kept
 * for ever, so that its series stays one.
 */
export function boundedNames(most: number): (name: string) => string {
  const known = new Set<string>()
  return (name) => {
    if (known.has(name)) return name
    if (known.size >= most) return 'other'
    known.add(name)
    return name
  }
}
