import { appendFileSync } from 'node:fs'

export type JournalKind = 'received' | 'applied' | 'answered' | 'webhook_sent' | 'webhook_failed' | 'save'
/** One command of a request, as the journal names it. */
export interface JournalTarget { method?: string, command?: string, dealId?: number, originatorId?: string, originId?: string }
export interface JournalEntry extends JournalTarget {
  seq: number
  /** Milliseconds of the epoch. */
  at: number
  portal: string
  kind: JournalKind
  request?: string
  status?: number
  error?: string
  /** Level of the rate bucket after the request. */
  level?: number
  /** The request's `x-dealbridge-epoch` header. */
  epoch?: string
  commands?: JournalTarget[]
  event?: string
  url?: string
  by?: string
  changed?: string[]
  fault?: string
}
export type JournalDraft = Omit<JournalEntry, 'seq' | 'at' | 'portal'>

export interface Journal {
  write: (portal: string, draft: JournalDraft) => void
  of: (portal: string, since?: number) => JournalEntry[]
  forget: (portal: string) => void
}

/**
 * The record of everything a run did, in memory and, with `file`, as NDJSON written before the call returns.
 * `seq` grows over all portals; `forget` empties the memory of one portal, never the file.
 */
export function createJournal (now: () => number, file: string | undefined): Journal {
  const entries = new Map<string, JournalEntry[]>()
  let seq = 0
  return {
    write: (portal, draft) => {
      const entry: JournalEntry = { seq: ++seq, at: now(), portal, ...draft }
      const own = entries.get(portal)
      if (own === undefined) entries.set(portal, [entry])
      else own.push(entry)
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`)
    },
    of: (portal, since = 0) => (entries.get(portal) ?? []).filter(entry => entry.seq > since),
    forget: (portal) => { entries.delete(portal) }
  }
}
