import { readFileSync } from 'node:fs'
import { cac } from 'cac'

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const version =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined

const cli = cac('plinth')
cli.version(String(version))
cli.help()
cli.parse()
