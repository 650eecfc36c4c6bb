import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Simulator } from './simulator.ts'
import type { Saved } from './store.ts'

/**
 * Keeps the portals over a restart, a kill included: the state as a whole, renamed into place, and beside it each save since
 * then, written before the save's answer goes out. What no save tells of (tokens, bindings) is as old as the last whole state.
 */
export interface StateFile { note: (portal: string, saved: Saved) => void, save: (from: Simulator) => void, load: (into: Simulator) => void }

interface Line { portal: string, type: number, id: number, record: Record<string, unknown> | null }
interface Kept { next: Record<string, number>, records: Record<string, Record<string, unknown>> }

export function createStateFile (file: string): StateFile {
  const since = `${file}.since`
  return {
    note: (portal, { type, id, record, kind }) => {
      const line: Line = { portal, type, id, record: kind === 'deleted' ? null : record }
      appendFileSync(since, `${JSON.stringify(line)}\n`)
    },
    save: (from) => {
      // A kill between the two steps leaves saves that the state holds already; putting them in again changes nothing.
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(from.portals().map(portal => [portal.name, portal.dump()]))))
      renameSync(`${file}.new`, file)
      rmSync(since, { force: true })
    },
    load: (into) => {
      const states = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>> : {}
      for (const line of linesOf(since)) put(states[line.portal] ??= into.portal(line.portal).dump(), line)
      for (const portal of into.portals()) if (states[portal.name] !== undefined) portal.load(states[portal.name] ?? {})
    }
  }
}

function put (state: Record<string, unknown>, { type, id, record }: Line): void {
  const { next, records } = state as unknown as Kept
  const table = records[type] ??= {}
  if (record === null) delete table[id]
  else table[id] = record
  next[type] = Math.max(next[type] ?? 1, id + 1)
}

function linesOf (file: string): Line[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Line]
    } catch {
      // The last line of a kill.
      return []
    }
  })
}
