import { readFileSync, readdirSync } from 'node:fs'

/** The newest version of an event's schema, as this code writes it. `subject` is its full name. */
export interface EventSchema { readonly name: string, readonly subject: string, readonly text: string }

const ROOT = new URL('../../schemas/', import.meta.url)
const TOPICS = ['deal-signals', 'deal-transfers']

/** All schemas of the repository by event name, newest version each; read once at start. */
export function loadSchemas (): ReadonlyMap<string, EventSchema> {
  const newest = new Map<string, { version: number, schema: EventSchema }>()
  for (const { name, version, text } of schemaFiles()) {
    if ((newest.get(name)?.version ?? 0) > version) continue
    newest.set(name, { version, schema: { name, subject: `dealbridge.${name}`, text } })
  }
  return new Map([...newest].map(([name, { schema }]) => [name, schema]))
}

/** Every version of every schema, older ones first. */
export function schemaFiles (): { name: string, version: number, text: string }[] {
  return TOPICS.flatMap(topic => readdirSync(new URL(`${topic}/`, ROOT)).sort().flatMap((file) => {
    const match = /^(\w+)\.v(\d+)\.avsc$/.exec(file)
    if (match === null) return []
    return [{ name: match[1] ?? '', version: Number(match[2]), text: JSON.stringify(JSON.parse(readFileSync(new URL(`${topic}/${file}`, ROOT), 'utf8'))) }]
  })).sort((a, b) => a.version - b.version)
}
