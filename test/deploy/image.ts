import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ROOT } from './compose.ts'

/** One stage of the Dockerfile: what it stands on and its instructions in order. */
export interface Stage { readonly name: string, readonly from: string, readonly lines: readonly { readonly word: string, readonly rest: string }[] }

interface Holder { after (end: () => unknown): void }

/** The stages of deploy/Dockerfile, or of `text`. */
export function readStages (text: string = readFileSync(path.join(ROOT, 'deploy/Dockerfile'), 'utf8')): Stage[] {
  const stages: { name: string, from: string, lines: { word: string, rest: string }[] }[] = []
  for (const line of text.replace(/\\\n/g, ' ').split('\n').filter(each => each.trim() !== '' && !each.startsWith('#'))) {
    const [word = '', ...words] = line.trim().split(/\s+/)
    if (word === 'FROM') stages.push({ name: words[2] ?? '', from: words[0] ?? '', lines: [] })
    else stages.at(-1)?.lines.push({ word, rest: words.join(' ') })
  }
  return stages
}

/** The instructions of a stage with those of the stages it stands on before them. */
export function linesOf (stages: readonly Stage[], name: string): Stage['lines'] {
  const stage = stages.find(each => each.name === name)
  return stage === undefined ? [] : [...linesOf(stages, stage.from), ...stage.lines]
}

/**
 * Makes the /app of a stage in a temporary folder as the builder would: exactly the files of its COPY lines that .dockerignore
 * lets through, and the packages that the service needs to run, by link. Gives the folder.
 */
export function makeImage (t: Holder, stage: string, stages: readonly Stage[] = readStages()): string {
  const app = mkdtempSync(path.join(tmpdir(), 'dealbridge-image-'))
  t.after(() => rmSync(app, { recursive: true, force: true }))
  for (const { word, rest } of linesOf(stages, stage)) {
    if (word !== 'COPY') continue
    const paths = rest.split(' ')
    if (paths[0] === '--from=packages') { linkPackages(path.join(app, 'node_modules')); continue }
    const target = paths.at(-1) ?? ''
    for (const source of paths.slice(0, -1)) copy(source, path.join(app, target.endsWith('/') ? path.join(target, path.basename(source)) : target))
  }
  return app
}

function copy (source: string, target: string): void {
  if (!existsSync(path.join(ROOT, source)) || isIgnored(source)) throw new Error(`COPY ${source}: the builder would not find it`)
  mkdirSync(path.dirname(target), { recursive: true })
  cpSync(path.join(ROOT, source), target, { recursive: true, filter: from => statSync(from).isDirectory() || !isIgnored(path.relative(ROOT, from)) })
}

/** True for a file that .dockerignore keeps from the builder; the last line that speaks of it decides, and `*` covers dot files too. */
export function isIgnored (file: string): boolean {
  const lines = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const covers = (pattern: string): boolean => [file, ...parentsOf(file)].some(each => globOf(pattern).test(each))
  return lines.reduce((ignored, line) => covers(line.replace(/^!/, '')) ? !line.startsWith('!') : ignored, false)
}

function globOf (pattern: string): RegExp {
  const parts = pattern.replace(/[.+^$()|[\]\\]/g, '\\$&').split('**/').map(part => part.replaceAll('*', '[^/]*'))
  return new RegExp(`^${parts.join('(?:.*/)?')}$`)
}

function parentsOf (file: string): string[] {
  const parent = path.dirname(file)
  return parent === '.' ? [] : [parent, ...parentsOf(parent)]
}

// What `npm ci --omit=dev --omit=optional` leaves, by the lock file.
function linkPackages (target: string): void {
  const { packages } = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean, optional?: boolean, devOptional?: boolean }> }
  for (const [at, { dev, optional, devOptional }] of Object.entries(packages)) {
    const name = at.slice('node_modules/'.length)
    if (at === '' || name.includes('node_modules/') || dev === true || optional === true || devOptional === true) continue
    mkdirSync(path.dirname(path.join(target, name)), { recursive: true })
    symlinkSync(path.join(ROOT, at), path.join(target, name))
  }
}

/** Every file of an image but those of the packages. */
export function filesUnder (folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => path.relative(folder, path.join(entry.parentPath, entry.name))).filter(file => !file.startsWith('node_modules'))
}
