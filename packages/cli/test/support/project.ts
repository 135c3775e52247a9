import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A folder where @plinth/cli is installed, and in it projects with a plinth.config.ts each. */
export function projectsIn(cwd: string): (name: string, config: string) => string {
  symlinkSync(fileURLToPath(new URL('../../../../node_modules', import.meta.url)), join(cwd, 'node_modules'))
  return (name, config) => {
    const folder = join(cwd, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'plinth.config.ts'), config)
    return folder
  }
}
