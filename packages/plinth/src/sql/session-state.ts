/** Almost no text has one of these, and the others are not looked at any further. */
const suspect = /set_config|advisory_lock|\btemp/i

const takesSessionLock = /\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(/i
const makesTemporaryTable = /\binto\s+(?:(?:local|global)\s+)?temp(?:orary)?\b/i
const isTrue = /^\s*true\b/i

/**
 * True for a text that leaves something on its connection by other means than its first word: an advisory lock of the
 * session, `set_config` whose last argument is not the word `true`, `select … into temp`. Read from the text alone:
 * what a function does inside is not seen.
 */
export function leavesSessionState(text: string, firstWord: string): boolean {
  if (!suspect.test(text)) return false
  const code = codeOf(text)
  const maySelectInto = firstWord !== 'insert' && firstWord !== 'merge'
  return takesSessionLock.test(code) || (maySelectInto && makesTemporaryTable.test(code)) || setsForSession(code)
}

/** Without comments and what stands in quotes; of quoted names the quotes alone are dropped. */
function codeOf(text: string): string {
  const opening = /['"]|--|\/\*/g
  const parts: string[] = []
  let at = 0
  for (let match = opening.exec(text); match; match = opening.exec(text)) {
    const [mark] = match
    parts.push(text.slice(at, match.index))
    at = endOf(text, match.index, mark)
    parts.push(mark === '"' ? text.slice(match.index + 1, at - 1) : mark === "'" ? "''" : ' ')
    opening.lastIndex = at
  }
  return parts.join('') + text.slice(at)
}

function endOf(text: string, start: number, mark: string): number {
  if (mark === '--') return lineEnd(text, start)
  if (mark === '/*') return commentEnd(text, start)
  const hasEscapes = mark === "'" && /e/i.test(text[start - 1] ?? '')
  for (let at = start + 1; at < text.length; at++) {
    if (hasEscapes && text[at] === '\\') at++
    else if (text[at] === mark && text[at + 1] !== mark) return at + 1
    else if (text[at] === mark) at++
  }
  return text.length
}

export function lineEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at++
  return at
}

/** Comments nest. */
export function commentEnd(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at += 2) {
    if (text.startsWith('/*', at)) depth++
    else if (text.startsWith('*/', at)) depth--
    else at--
    if (depth === 0) return at + 2
  }
  return text.length
}

/** One pass with a stack: the last argument of each call is what follows its last comma. */
function setsForSession(code: string): boolean {
  const open: { readonly isSetting: boolean; argument: number }[] = []
  for (const { 0: mark, 1: name, index } of code.matchAll(/(\bset_config\s*)?\(|[),]/gi)) {
    const call = open.at(-1)
    if (mark === ',' && call) call.argument = index + 1
    else if (mark.endsWith('(')) open.push({ isSetting: name !== undefined, argument: index + mark.length })
    else if (mark === ')' && open.pop()?.isSetting && !isTrue.test(code.slice(call?.argument, index))) return true
  }
  return false
}
