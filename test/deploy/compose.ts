import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const BASE = 'docker-compose.yml'
export const DEMO = 'docker-compose.override.yml'
export const THREE = 'deploy/three-brokers/docker-compose.yml'
/** The ways in which the README has people start the containers. */
export const WAYS = { real: [BASE], demo: [BASE, DEMO], 'three brokers': [BASE, THREE] } as const

export interface Service {
  image?: string
  build?: { context: string, dockerfile: string, target: string }
  pull_policy?: string
  user?: string
  restart?: string
  privileged?: boolean
  read_only?: boolean
  init?: boolean
  tmpfs?: string[]
  cap_add?: string[]
  cap_drop?: string[]
  security_opt?: string[]
  pids_limit?: number
  mem_limit?: string
  stop_grace_period?: string
  command?: string[]
  entrypoint?: string[]
  env_file?: string
  environment?: Record<string, string | null>
  volumes?: string[]
  ports?: string[]
  networks?: string[]
  network_mode?: string
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
}
export interface Compose { name: string, services: Record<string, Service>, networks: Record<string, { internal?: boolean }>, volumes: Record<string, object> }

type Value = unknown
type Fields = Record<string, Value>
class Reset {}
const RESET = { tag: '!reset', collection: 'seq' as const, resolve: () => new Reset() }

/** One file as written, anchors and merge keys resolved; a `!reset` is left out unless `keepResets`. */
export function readCompose (file: string, keepResets = false): Fields {
  const value = parse(readFileSync(path.join(ROOT, file), 'utf8'), { merge: true, customTags: [RESET] }) as Fields
  return keepResets ? value : merge({}, value) as Fields
}

/** Several files as Compose takes them together: the merge rules of its specification for the keys that stand in these files. */
export function mergeCompose (files: readonly string[]): Compose {
  return structuredClone(files.map(file => readCompose(file, true)).reduce((under, over) => merge(under, over) as Fields, {})) as unknown as Compose
}

// These are replaced as a whole; other lists grow, mounts replace one another by their place in the container.
const REPLACED = new Set(['command', 'entrypoint', 'test'])

function merge (under: Value, over: Value, key = ''): Value {
  if (over instanceof Reset) return undefined
  if (Array.isArray(over)) {
    if (!Array.isArray(under) || REPLACED.has(key)) return over
    return key === 'volumes' ? mounts([...under as string[], ...over as string[]]) : [...new Set([...under as Value[], ...over as Value[]])]
  }
  if (!isFields(over)) return over
  const out: Fields = isFields(under) ? { ...under } : {}
  for (const [name, value] of Object.entries(over)) {
    const merged = merge(out[name], value, name)
    if (merged === undefined) Reflect.deleteProperty(out, name)
    else out[name] = merged
  }
  return out
}

function mounts (all: readonly string[]): string[] {
  return [...new Map(all.map(mount => [mountOf(mount).target, mount])).values()]
}

function isFields (value: Value): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `source:target[:mode]` with `${NAME:-default}` taken as its default. */
export function mountOf (mount: string): { source: string, target: string, mode: string | undefined } {
  const [source = '', target = '', mode] = withDefaults(mount).split(':')
  return { source, target, mode }
}

/** What `${NAME:-default}` gives when nothing is set. */
export function withDefaults (text: string): string {
  return text.replace(/\$\{[A-Z_]+:?-([^}]*)\}/g, '$1')
}

/** The settings that a broker starts with: `env_file`, and over it `environment`. */
export function settingsOf (service: Service): Record<string, string> {
  const lines = service.env_file === undefined ? [] : readFileSync(path.join(ROOT, service.env_file), 'utf8').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const common = lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  return { ...Object.fromEntries(common) as Record<string, string>, ...service.environment as Record<string, string> }
}
