import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

// In the order of their dependencies: a package is compiled against the published types of those before it.
const packages = ['plinth', 'hub', 'cli']

const last = process.argv[2] ?? 'cli'
const wanted = packages.slice(0, packages.indexOf(last) + 1)
if (wanted.length === 0) {
  console.error(`There is no package ${last}. Give one of: ${packages.join(', ')}.`)
  process.exit(1)
}
for (const name of wanted) build(join(root, 'packages', name))

/** Compiles `src` to `dist`: JavaScript for Node 22 (its `await using` is written out) and declarations. */
function build(folder: string): void {
  const dist = join(folder, 'dist')
  rmSync(dist, { recursive: true, force: true })
  compile(folder, dist)
  for (const path of globSync('**/*.d.ts', { cwd: dist })) nameJavaScript(join(dist, path))
  cpSync(join(folder, 'src'), dist, {
    recursive: true,
    filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts'),
  })
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
}

function compile(folder: string, dist: string): void {
  const scratch = mkdtempSync(join(tmpdir(), 'plinth-build-'))
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      rewriteRelativeImportExtensions: true,
      customConditions: [],
      rootDir: join(folder, 'src'),
      outDir: dist,
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [join(folder, 'src')],
  }
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config))
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', scratch], { stdio: 'inherit' })
  rmSync(scratch, { recursive: true })
  if (tsc.status !== 0) process.exit(1)
}

/** TypeScript 7.0 rewrites `./part.ts` to `./part.js` in the JavaScript but leaves it in the declarations. */
function nameJavaScript(path: string): void {
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replaceAll(/((?:from |import\()['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
}
