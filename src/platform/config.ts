import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { configSchema, mappingSchema } from './config-schema.ts'
import type { FileConfig, MappingFile, PortalConfig } from './config-schema.ts'
import { AppError } from './errors.ts'

export type { MappingFile, PortalConfig }

/** One mistake of a config or mapping file: where it stands and what would be right. Never holds a value. */
export interface Mistake { readonly file: string, readonly path: string, readonly message: string }

/** All mistakes of the files at once; the command line prints them and exits with 2. */
export class ConfigError extends AppError {
  readonly mistakes: readonly Mistake[]

  constructor (mistakes: readonly Mistake[]) {
    super('config_invalid', mistakes.map(m => `${m.file}: ${m.path === '' ? 'the file' : m.path}: ${m.message}`).join('\n'))
    this.mistakes = mistakes
  }
}

/** A source portal's way to its target, with the mapping in force. */
export interface Route { readonly from: string, readonly to: string, readonly mapping: MappingFile, readonly mappingPath: string }

/** The whole configuration, resolved: absolute paths, secrets in place, exactly one route per source portal. */
export interface Config extends Omit<FileConfig, 'routes'> { readonly file: string, readonly routes: ReadonlyMap<string, Route> }

/**
 * Reads the config file and the mapping files it names.
 *
 * Values may be `${NAME}` of the environment, a key `x_file` holds the path of a file with the value of `x`
 * (one trailing newline is cut). Throws `ConfigError` with every mistake found.
 */
export function loadConfig (file: string, environment: Readonly<Record<string, string | undefined>>): Config {
  const absolute = path.resolve(file)
  const mistakes: Mistake[] = []
  const raw = readYaml(absolute, mistakes)
  const value = resolveSecrets(raw, { file: absolute, path: '', environment, mistakes })
  const parsed = parse(configSchema, value, { file: absolute, mistakes })
  if (parsed === undefined) throw new ConfigError(mistakes)
  checkPortals(parsed, absolute, mistakes)
  const routes = loadRoutes(parsed, absolute, mistakes)
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return { ...parsed, file: absolute, data_dir: path.resolve(path.dirname(absolute), parsed.data_dir), routes }
}

/** Reads one mapping file. Throws `ConfigError` with every mistake found. */
export function loadMapping (file: string): MappingFile {
  const mistakes: Mistake[] = []
  const parsed = parse(mappingSchema, readYaml(file, mistakes), { file, mistakes })
  if (parsed === undefined || mistakes.length > 0) throw new ConfigError(mistakes)
  return parsed
}

function readYaml (file: string, mistakes: Mistake[]): unknown {
  if (!existsSync(file)) {
    mistakes.push({ file, path: '', message: 'there is no such file' })
    return undefined
  }
  const text = readFileSync(file, 'utf8')
  if (text.length > 1_000_000) {
    mistakes.push({ file, path: '', message: 'longer than 1 MB' })
    return undefined
  }
  const document = parseDocument(text, { prettyErrors: false })
  for (const error of document.errors) {
    const line = text.slice(0, error.pos[0]).split('\n').length
    mistakes.push({ file, path: `line ${line}`, message: 'not valid YAML here (' + error.code.toLowerCase().replaceAll('_', ' ') + ')' })
  }
  return document.errors.length === 0 ? document.toJS({ maxAliasCount: 10 }) : undefined
}

interface Place { readonly file: string, readonly path: string, readonly environment: Readonly<Record<string, string | undefined>>, readonly mistakes: Mistake[] }

function resolveSecrets (value: unknown, place: Place): unknown {
  if (typeof value === 'string') return fromEnvironment(value, place)
  if (Array.isArray(value)) return value.map((item: unknown, index) => resolveSecrets(item, { ...place, path: `${place.path}[${index}]` }))
  if (typeof value !== 'object' || value === null) return value
  const out: Record<string, unknown> = {}
  const source = value as Record<string, unknown>
  for (const [key, item] of Object.entries(source)) {
    const at = { ...place, path: place.path === '' ? key : `${place.path}.${key}` }
    const twin = key.endsWith('_file') ? key.slice(0, -'_file'.length) : undefined
    if (twin === undefined) { out[key] = resolveSecrets(item, at); continue }
    if (twin in source) { place.mistakes.push({ file: place.file, path: at.path, message: `both ${twin} and ${key} are set; keep one` }); continue }
    out[twin] = readSecret(resolveSecrets(item, at), twin, at)
  }
  return out
}

function fromEnvironment (text: string, place: Place): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_all, name: string) => {
    const value = place.environment[name]
    if (value === undefined) place.mistakes.push({ file: place.file, path: place.path, message: `the environment variable ${name} is not set` })
    return value ?? ''
  })
}

function readSecret (item: unknown, twin: string, place: Place): unknown {
  if (typeof item !== 'string') { place.mistakes.push({ file: place.file, path: place.path, message: 'must be the path of a file' }); return undefined }
  const file = path.resolve(path.dirname(place.file), item)
  if (!existsSync(file)) { place.mistakes.push({ file: place.file, path: place.path, message: `the file ${item} does not exist` }); return undefined }
  // A list, not a text: a config file of its own, whose values may come from the environment and from files beside it.
  if (twin === 'api_keys') return resolveSecrets(readYaml(file, place.mistakes), { ...place, file })
  return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
}

function parse<T> (schema: z.ZodType<T>, value: unknown, into: { file: string, mistakes: Mistake[] }): T | undefined {
  if (into.mistakes.length > 0 && value === undefined) return undefined
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    const at = issue.path.map(part => typeof part === 'number' ? `[${part}]` : `.${String(part)}`).join('').replace(/^\./, '')
    const message = issue.code === 'unrecognized_keys' ? `unknown ${issue.keys.length === 1 ? 'key' : 'keys'} ${issue.keys.join(', ')}; see dealbridge.example.yaml` : issue.message
    into.mistakes.push({ file: into.file, path: at, message })
  }
  return undefined
}

function checkPortals (config: FileConfig, file: string, mistakes: Mistake[]): void {
  const say = (at: string, message: string): void => { mistakes.push({ file, path: at, message }) }
  unique(config.portals.map(p => p.name), (i, v) => say(`portals[${i}].name`, `the name ${v} is taken; every portal has its own`))
  unique(config.portals.map(p => p.signal_secret), i => say(`portals[${i}].signal_secret`, 'another portal has the same secret; every portal has its own'))
  config.portals.forEach((portal, i) => {
    if (portal.rest_url === undefined) say(`portals[${i}].rest_url`, 'missing: the URL of an incoming webhook of this portal')
    else if (!isAllowedUrl(portal.rest_url)) say(`portals[${i}].rest_url`, 'must begin with https://; http:// is for 127.0.0.1 and localhost alone')
    if (portal.role !== 'target' && portal.signal_secret === undefined) say(`portals[${i}].signal_secret`, 'missing: the last part of the address that this portal calls')
  })
  config.query.api_keys.forEach((key, i) => {
    if (key.role === 'partner' && key.portal === undefined) say(`query.api_keys[${i}].portal`, 'missing: a partner sees one portal alone')
  })
}

function isAllowedUrl (text: string): boolean {
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
}

function unique (values: readonly (string | undefined)[], say: (index: number, value: string) => void): void {
  values.forEach((value, i) => { if (value !== undefined && values.indexOf(value) < i) say(i, value) })
}

function loadRoutes (config: FileConfig, file: string, mistakes: Mistake[]): Map<string, Route> {
  const byName = new Map(config.portals.map(p => [p.name, p]))
  const loaded: (Omit<Route, 'mapping'> & { mapping: MappingFile | undefined })[] = config.routes.map((route, i) => {
    const say = (key: string, message: string): void => { mistakes.push({ file, path: `routes[${i}].${key}`, message }) }
    if (route.from !== '*' && !byName.has(route.from)) say('from', `there is no portal named ${route.from}`)
    if (route.from !== '*' && byName.get(route.from)?.role === 'target') say('from', `${route.from} is a target; its role must be source or both`)
    if (!byName.has(route.to)) say('to', `there is no portal named ${route.to}`)
    else if (byName.get(route.to)?.role === 'source') say('to', `${route.to} is a source; its role must be target or both`)
    if (config.routes.findIndex(r => r.from === route.from) < i) say('from', `a second route from ${route.from}; a source has one target`)
    const mappingPath = path.resolve(path.dirname(file), route.mapping)
    return { from: route.from, to: route.to, mappingPath, mapping: parse(mappingSchema, readYaml(mappingPath, mistakes), { file: mappingPath, mistakes }) }
  })
  const routes = new Map<string, Route>()
  for (const portal of config.portals.filter(p => p.role !== 'target')) {
    const route = loaded.find(r => r.from === portal.name) ?? loaded.find(r => r.from === '*' && r.to !== portal.name)
    if (route?.mapping !== undefined) routes.set(portal.name, { ...route, from: portal.name, mapping: route.mapping })
  }
  return routes
}
