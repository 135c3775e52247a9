/** pg takes the host of the query, as for a Unix socket, before that of the address. */
export function hostOf(url: URL): string {
  return lastParameter(url, 'host') || url.hostname || 'localhost'
}

export function portOf(url: URL): string {
  return lastParameter(url, 'port') || url.port || '5432'
}

/** Of several with one name pg takes the last. */
function lastParameter(url: URL, name: string): string | undefined {
  return url.searchParams.getAll(name).at(-1)
}
