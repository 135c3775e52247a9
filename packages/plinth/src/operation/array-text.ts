/** What an array literal can hold. */
export type ArrayItem = string | null | readonly ArrayItem[]

/**
 * PostgreSQL's text of an array. Every text is quoted, so that `NULL`, commas, braces and spaces stay what they are.
 */
export function arrayText(items: readonly ArrayItem[]): string {
  return `{${items.map(itemText).join(',')}}`
}

function itemText(item: ArrayItem): string {
  if (item === null) return 'NULL'
  return typeof item === 'string' ? `"${item.replaceAll(/["\\]/g, '\\$&')}"` : arrayText(item)
}
