/** True when an object anywhere in the JSON text has the same name twice. Text that is no JSON is not judged. */
export function repeatsName(json: string): boolean {
  const names: (Set<string> | undefined)[] = []
  // One that is not closed ends with the text, or each quote in it would be read to the end again.
  const strings = /"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}[\]]/gs
  for (const { 0: token, index } of json.matchAll(strings)) {
    if (token === '{') names.push(new Set())
    else if (token === '[') names.push(undefined)
    else if (token === '}' || token === ']') names.pop()
    else if (/^\s*:/.test(json.slice(index + token.length, index + token.length + 8))) {
      const seen = names.at(-1)
      // Escapes can spell one name in two ways.
      const name = unescape(token)
      if (seen?.has(name)) return true
      seen?.add(name)
    }
  }
  return false
}

function unescape(token: string): string {
  try {
    return String(JSON.parse(token))
  } catch {
    return token
  }
}
