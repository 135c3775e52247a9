/** Hides the passwords of URLs and of `alter role … password '…'`: error messages and running queries may hold both. */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s/]+@/gi, '$1:***@')
    .replaceAll(
      /(\bpassword\s*=?\s*)(?:'(?:[^']|'')*'|"[^"]*"|[^\s'",;)}]+(?=\s+(?:host|user|dbname|port)\s*=))/gi,
      "$1'***'",
    )
}

/** Hosts and database of a URL, without user, password and parameters: `db1:5432,db2:5432/shop`. */
export function placeOf(url: string): string {
  return url.replace(/^[^:]+:\/\/(?:[^/?]*@)?/, '').replace(/\?.*$/, '')
}
