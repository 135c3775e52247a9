/** What ends nowhere is hidden to the end: PostgreSQL cuts the text of a running statement off. */
const forms: readonly (readonly [secret: RegExp, hidden: string])[] = [
  // `postgres://user:password@host`. A raw slash in a password is a mistake, and the error about it shows the URL.
  [/(\bpostgres(?:ql)?:\/\/[^\s:@/]*):\S+@/gi, '$1:***@'],
  [/(\b\w+:\/\/[^\s:@/]*):[^\s/]+@/g, '$1:***@'],
  [/([?&]password=)[^\s&'"]+/gi, '$1***'],
  // `password '…'` with each of the ways PostgreSQL writes a string, also behind = and other comparisons.
  [/(password\s*[=<>!:]*\s*)\$(?<tag>\w*)\$[^]*?(?:\$\k<tag>\$|$)/gi, "$1'***'"],
  [/(password\s*[=<>!:]*\s*)e'(?:[^'\\]|\\.|'')*(?:'|$)/gi, "$1'***'"],
  [/(password\s*[=<>!:]*\s*)(?:''[^']+''|(?:n|u&)?'(?:[^']|'')*(?:'|$))/gi, "$1'***'"],
  // `password=…` of a connection string, and "password": "…" of JSON. `$1` is a parameter.
  [/(password\s*=\s*)(?:"[^"]*(?:"|$)|(?!\$\d|'\*\*\*'|\*\*\*)(?:\\.|[^\s'])+)/gi, "$1'***'"],
  [/(password"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)/gi, '$1"***"'],
]

/** Hides passwords in text of others, such as running statements and error messages: never in what a program reads. */
export function withoutSecrets(text: string): string {
  return forms.reduce((hidden, [secret, instead]) => hidden.replaceAll(secret, instead), text)
}

/** Hosts and database of a URL, without user, password and parameters: `db1:5432,db2:5432/shop`. */
export function placeOf(url: string): string {
  return url.replace(/^[^:]+:\/\/(?:[^/?]*@)?/, '').replace(/\?.*$/, '')
}
