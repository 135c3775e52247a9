/** A name as a property: quoted where it is no identifier. */
export function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : text(name)
}

/**
 * As a string. What a terminal would obey, or would show in another order than it is read, is escaped: `ESC[2J` in the
 * label of an enum clears the screen of whoever prints the types.
 */
export function text(value: string): string {
  const quoted = value.replaceAll(/['\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `'${quoted.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)}'`
}

function escaped(character: string): string {
  const hex = character.codePointAt(0)?.toString(16) ?? ''
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`
}

export function union(labels: readonly string[]): string {
  return labels.map(text).join(' | ')
}

export function arrayOf(element: string): string {
  return /^\w+$/.test(element) ? `${element}[]` : `(${element})[]`
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

/** `blog_post` and `BlogPost` → `BlogPost`; what is no letter or digit ends a word. */
export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const joined = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
  return /^[A-Za-z]/.test(joined) ? joined : `T${joined}`
}

/** Gives each name a form that no other has, nor what is made from it, in order: `User`, `User2`. */
export function distinct(names: readonly string[], madeFrom = (name: string): string[] => [name]): string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let own = name
    for (let n = 2; madeFrom(own).some((made) => taken.has(made)); n++) own = `${name}${n}`
    for (const made of madeFrom(own)) taken.add(made)
    return own
  })
}
