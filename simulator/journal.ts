import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/**
 * What happened: a request came in, a write of it took effect, it was answered; or its connection was `cut` by the portal or
 * `closed` by the caller. A save of a record, one attempt of a webhook for it.
 */
export type JournalKind = 'received' | 'applied' | 'answered' | 'cut' | 'closed' | 'webhook_sent' | 'webhook_failed' | 'save'
/** One command of a request: `type` is the entityTypeId; `dealId` belongs to deals, `recordId` to everything else. */
export interface JournalTarget { method?: string, command?: string, type?: number, dealId?: number, recordId?: number, originatorId?: string, originId?: string }
export interface JournalEntry extends JournalTarget {
  seq: number
  /** Milliseconds of the epoch, by the simulator's clock. */
  at: number
  portal: string
  kind: JournalKind
  /** The request that an entry belongs to, a save's included; unique in a journal file, over restarts too. */
  request?: string
  status?: number
  error?: string
  /** Failed commands of a batch, with their codes. */
  failed?: { command: string, error: string }[]
  /** Level of the rate bucket after the request; absent when it was refused before it was counted. */
  level?: number
  /** The request's `x-dealbridge-epoch` header. */
  epoch?: string
  commands?: JournalTarget[]
  event?: string
  url?: string
  /** Who saved: `rest`, `person` or `robot`. */
  by?: string
  changed?: string[]
  fault?: string
  /** `seq` of the save that a webhook tells of. */
  save?: number
  /** The `ts` that the webhook's body carried: seconds of the portal's clock. */
  ts?: number
  /** `event_handler_id` of the subscription that a webhook went to. */
  subscription?: number
  /** Webhooks that a save must send: one for each subscription to its event. */
  subscriptions?: number
}
export type JournalDraft = Omit<JournalEntry, 'seq' | 'at' | 'portal'>

export interface Journal {
  /** Gives the entry's `seq`. */
  write: (portal: string, draft: JournalDraft) => number
  of: (portal: string, since?: number) => JournalEntry[]
  forget: (portal: string) => void
  /** The latest `seq`. */
  last: () => number
}

/**
 * The record of everything a run did, in memory and, with `file`, as NDJSON written before the call returns.
 * `seq` grows over all portals; what the file holds already is read back, so that the record outlives a restart.
 * `forget` empties the memory of one portal, never the file.
 */
export function createJournal (now: () => number, file: string | undefined): Journal {
  const entries = new Map<string, JournalEntry[]>()
  let seq = 0
  const keep = (entry: JournalEntry): void => {
    const own = entries.get(entry.portal)
    if (own === undefined) entries.set(entry.portal, [entry])
    else own.push(entry)
    seq = entry.seq
  }
  for (const entry of file === undefined ? [] : readJournal(file)) keep(entry)
  return {
    write: (portal, draft) => {
      const entry: JournalEntry = { seq: seq + 1, at: now(), portal, ...draft }
      keep(entry)
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`)
      return entry.seq
    },
    of: (portal, since = 0) => (entries.get(portal) ?? []).filter(entry => entry.seq > since),
    forget: (portal) => { entries.delete(portal) },
    last: () => seq
  }
}

/** The entries of a journal file; a last line that a kill cut short is left out. */
export function readJournal (file: string): JournalEntry[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as JournalEntry]
    } catch {
      return []
    }
  })
}
