import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { manifest, none, projectFiles, read, root } from './source-tree.ts'

interface Snippet {
  readonly path: string
  readonly line: number
  /** `ts run` is a complete program: it is run too. */
  readonly language: string
  readonly code: string
  /** The file that holds this code, where the block is a piece of it. */
  readonly from: string | undefined
}

const documents = projectFiles(/\.md$/)
const snippets = documents.flatMap(snippetsOf)

// A reader does not see the comment `<!-- given: … -->` before a block; its code is put in front of the block's. A block
// behind `<!-- from: file -->` is a piece of that file, where it is checked.
function snippetsOf(path: string): Snippet[] {
  const text = read(path)
  const blocks = text.matchAll(/(?:<!-- (given|from):([\s\S]*?)-->\s*)?^```([\w ]+)\n([\s\S]*?)^```$/gm)
  return [...blocks].map((block) => {
    const [whole, kind, comment = '', language = '', code = ''] = block
    const [given, from] = kind === 'from' ? ['', comment.trim()] : [comment, undefined]
    const opening = block.index + whole.indexOf('```')
    const line = text.slice(0, opening).split('\n').length
    return { path, line, language: language.trim(), code: given === '' ? code : `${given}\n${code}`, from }
  })
}

const folder = mkdtempSync(join(tmpdir(), 'plinth-snippets-'))
after(() => rmSync(folder, { recursive: true }))
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')

function nameOf(snippet: Snippet): string {
  return `${snippet.path.replaceAll('/', '-')}-${snippet.line}.ts`
}

test('each TypeScript snippet of the documents passes the type checker', () => {
  const checked = snippets.filter(({ language, from }) => language.split(' ')[0] === 'ts' && from === undefined)
  for (const snippet of checked) writeFileSync(join(folder, nameOf(snippet)), snippet.code)
  // A reader's program may leave a name unused and its exports without types.
  const compilerOptions = {
    moduleDetection: 'force',
    noUnusedLocals: false,
    isolatedDeclarations: false,
    declaration: false,
  }
  const tsconfig = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  if (checked.length === 0) return
  const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
    cwd: folder,
  })
  assert.equal(tsc.status, 0, `\n${tsc.stdout}`)
})

test('each snippet that is a piece of a file is in it', () => {
  const wrong = snippets.filter(({ from, code }) => from !== undefined && !read(from).includes(code))
  none(wrong.map(({ path, line, from }) => `${path}:${line} is not in ${from}`))
})

// The database is PLINTH_TEST_DATABASE_URL where a test run has one; a program that brings its own needs none.
for (const snippet of snippets.filter(({ language }) => language === 'ts run')) {
  test(`the program at ${snippet.path}:${snippet.line} runs`, () => {
    const path = join(folder, nameOf(snippet))
    writeFileSync(path, snippet.code)
    const env = { ...process.env, DATABASE_URL: process.env['PLINTH_TEST_DATABASE_URL'] }
    const args = ['--conditions=plinth-dev', path]
    const run = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8', timeout: 120_000 })
    assert.equal(run.status, 0, `\n${run.stdout}${run.stderr}`)
  })
}

test('each shell snippet is shell, and names scripts and files that exist', () => {
  for (const { path, line, code } of snippets.filter(({ language }) => language === 'sh')) {
    const at = `${path}:${line}`
    execFileSync('bash', ['-n'], { input: code, stdio: ['pipe', 'ignore', 'inherit'] })
    const named = [...code.matchAll(/\bnpm (?:run ([\w:]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? '',
    )
    const scripts = scriptsAt(path)
    none(named.filter((script) => !(script in scripts)).map((script) => `${at}: no script ${script}`))
    const files = [...code.matchAll(/(?:^|\s)((?:packages|docs|bench|faults|tools|examples)\/[\w./-]+\.\w+)/g)]
    none(files.flatMap(([, file = '']) => (existsSync(join(root, file)) ? [] : [`${at}: no file ${file}`])))
  }
})

/** Those of the root, and of a package that the document stands in. */
function scriptsAt(path: string): object {
  const beside = dirname(path)
  const own = existsSync(join(root, beside, 'package.json')) ? manifest(beside).scripts : {}
  return { ...manifest('.').scripts, ...own }
}

test('each relative link of the documents leads to a file', () => {
  const broken = documents.flatMap((path) => {
    const prose = read(path).replace(/^```[\s\S]*?^```$/gm, '')
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const files = links.filter((link) => !/^(\w+:|#)/.test(link)).map((link) => link.split('#')[0] ?? '')
    return files
      .filter((file) => !existsSync(join(root, dirname(path), file)))
      .map((file) => `${path} links to ${file}`)
  })
  none(broken)
})

test('each path that ARCHITECTURE.md draws exists', () => {
  const drawn = [
    ...read('ARCHITECTURE.md').matchAll(/^((?:packages|docs|tools|bench|faults|examples)\/[\w./-]*)/gm),
  ].map(([, path = '']) => path)
  assert.ok(drawn.length > 10, 'the tree in ARCHITECTURE.md was not found')
  none(drawn.filter((path) => !existsSync(join(root, path))))
})

test('nothing is written with an em dash', () => {
  const dash = '\u2014'
  none(projectFiles(/\.(md|ts|tsx|js|mjs|json|sql|html|css)$/).filter((path) => read(path).includes(dash)))
})

test('the workspace has at most 12 scripts', () => {
  assert.ok(Object.keys(manifest('.').scripts ?? {}).length <= 12)
})
