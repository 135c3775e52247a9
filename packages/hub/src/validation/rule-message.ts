/** Longer ones are cut. */
const mostCharacters = 200
const plainMessage = 'does not satisfy its rule'

/** How Valibot and ArkType go on to say what they were given, to the end of the message. */
const echo = /[:,]? (?:but )?received | ?\(was /i

/**
 * The message of a rule without the value it was about, which may be a password: an answer may end up in a log. Where
 * the value is still in it after what libraries are known to append is gone, it is not told at all.
 */
export function withoutValue(message: string, value: unknown): string {
  const at = message.search(echo)
  const cut = (at < 0 ? message : message.slice(0, at)).trim()
  if (cut === '' || scalarsOf(value).some((one) => isIn(one, cut))) return plainMessage
  return cut.slice(0, mostCharacters)
}

/** Names inside of a value are the client's as well. */
function scalarsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)]
  return Object.entries(value).flatMap(([key, one]) => [...(Array.isArray(value) ? [] : [key]), ...scalarsOf(one)])
}

/** As a word of its own: `a` is in every message, and tells nothing there. */
function isIn(text: string, message: string): boolean {
  if (text === '') return false
  for (let at = message.indexOf(text); at >= 0; at = message.indexOf(text, at + 1)) {
    const around = [message[at - 1] ?? ' ', message[at + text.length] ?? ' ']
    if (around.every((character) => !/[\p{L}\p{N}]/u.test(character))) return true
  }
  return false
}
