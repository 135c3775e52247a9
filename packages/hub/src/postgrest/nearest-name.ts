/** Longer texts are compared with nothing: the work grows with the product of two lengths. */
const longest = 256
/**
 * Among more none is looked for, as in PostgREST: a mistyped name then costs 1 ms of CPU at most, where it costs 4 ms
 * among 2,000 (2026-11).
 */
const mostNames = 500

/**
 * The name most like another, for a hint: the share of characters that need no edit to make one of the other, of 0 to 1,
 * must be `least` or more. Of several that are as much like it the first.
 */
export function nearestName(name: string, among: readonly string[], least: number): string | undefined {
  if (among.length > mostNames) return undefined
  const asked = name.toLowerCase()
  let nearest: string | undefined
  let most = least
  for (const one of among) {
    const alike = likeness(asked, one.toLowerCase(), most)
    if (alike < most || (alike === most && nearest !== undefined)) continue
    nearest = one
    most = alike
  }
  return nearest
}

/** 0 for less than `least`. */
function likeness(one: string, other: string, least: number): number {
  const length = Math.max(one.length, other.length)
  // What is floating in `1 - 0.75` must not cost an edit.
  const mostEdits = Math.floor(length * (1 - least) + 1e-9)
  if (length > longest || length === 0 || Math.abs(one.length - other.length) > mostEdits) return 0
  const edits = editsBetween(one, other, mostEdits)
  return edits > mostEdits ? 0 : 1 - edits / length
}

/** Of one comparison; the next one writes over it. */
const row = new Uint16Array(longest + 1)

/** Levenshtein's distance; anything above `most` where it is more than that. */
function editsBetween(one: string, other: string, most: number): number {
  const from = commonStart(one, other)
  const [length, width] = [one.length - from, other.length - from]
  for (let i = 0; i <= width; i++) row[i] = i
  for (let i = 0; i < length; i++) {
    if (nextRow(one.charCodeAt(from + i), i + 1, other, from, width) > most) return most + 1
  }
  return row[width] ?? 0
}

function commonStart(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at
}

/** Makes the edits of one character more out of `row`, and tells the fewest of them. */
function nextRow(character: number, edits: number, other: string, from: number, width: number): number {
  let beforeAbove = row[0] ?? 0
  let before = edits
  let fewest = edits
  row[0] = edits
  for (let i = 1; i <= width; i++) {
    const above = row[i] ?? 0
    const replaced = beforeAbove + (other.charCodeAt(from + i - 1) === character ? 0 : 1)
    before = Math.min(replaced, above + 1, before + 1)
    row[i] = before
    beforeAbove = above
    if (before < fewest) fewest = before
  }
  return fewest
}
