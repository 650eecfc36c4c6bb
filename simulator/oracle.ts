import type { JournalEntry } from './journal.ts'

/** A write as the journal shows it: from the entry that received its request to the last one of that request. */
export interface Write { readonly request: string, readonly command: string, readonly method: string, readonly keys: readonly string[], readonly from: number, readonly to: number }
export interface SaveDeliveries { readonly save: JournalEntry, readonly attempts: JournalEntry[] }

/** Methods that change something. */
export const WRITES = /\.(add|update|delete|set|import|batchimport|mergebatch)$/i
const ADDS = /\.(add|import)$/i

/** Applied adds of deals by their ORIGIN pair, `originator/origin`. */
export function addsPerOrigin (entries: readonly JournalEntry[]): Record<string, number> {
  const adds: Record<string, number> = {}
  for (const entry of entries) {
    if (entry.kind !== 'applied' || !ADDS.test(entry.method ?? '') || entry.originId === undefined || (entry.type ?? 2) !== 2) continue
    const pair = `${entry.originatorId ?? ''}/${entry.originId}`
    adds[pair] = (adds[pair] ?? 0) + 1
  }
  return adds
}

/** ORIGIN pairs that were added more than once. */
export function doubledAdds (entries: readonly JournalEntry[]): string[] {
  return Object.entries(addsPerOrigin(entries)).filter(([, count]) => count > 1).map(([pair]) => pair)
}

/**
 * Writes of deals with their intervals, in `seq`. A request that was neither answered nor cut nor closed goes on for ever;
 * one that took effect after its connection was cut lasts until then. Refused requests wrote nothing and are left out.
 */
export function writesOf (entries: readonly JournalEntry[]): Write[] {
  return [...Map.groupBy(entries.filter(entry => entry.request !== undefined && entry.kind !== 'save'), entry => `${entry.portal} ${entry.request}`).values()].flatMap((own) => {
    const received = own.find(entry => entry.kind === 'received')
    if (received?.request === undefined) return []
    const applied = own.filter(entry => entry.kind === 'applied')
    const ended = own.some(entry => ['answered', 'cut', 'closed'].includes(entry.kind))
    if (applied.length === 0 && own.some(entry => entry.kind === 'answered' && entry.error !== undefined)) return []
    const to = ended ? own.at(-1)?.seq ?? received.seq : Infinity
    return (received.commands ?? []).filter(command => WRITES.test(command.method ?? '')).map(command => ({
      request: received.request ?? '', command: command.command ?? '', method: command.method ?? '',
      keys: keysOf([command, ...applied.filter(done => done.command === command.command)], received.portal), from: received.seq, to
    }))
  })
}

/** Pairs of writes of different requests that touched one deal (by its id or its ORIGIN pair) at the same time. */
export function overlappingWrites (entries: readonly JournalEntry[]): [Write, Write][] {
  const byKey = Map.groupBy(writesOf(entries).flatMap(write => write.keys.map(key => ({ key, write }))), ({ key }) => key)
  const found = [...byKey.values()].flatMap((same) => {
    const writes = same.map(({ write }) => write).toSorted((a, b) => a.from - b.from)
    return writes.flatMap((first, i) => writes.slice(i + 1).filter(second => second.request !== first.request && second.from < first.to).map((second): [Write, Write] => [first, second]))
  })
  return found.filter(([a, b], i) => found.findIndex(([x, y]) => x === a && y === b) === i)
}

function keysOf (targets: readonly { type?: number, dealId?: number, originatorId?: string, originId?: string }[], portal: string): string[] {
  return [...new Set(targets.filter(target => (target.type ?? 2) === 2).flatMap(target => [
    ...(target.dealId === undefined ? [] : [`${portal} deal ${target.dealId}`]),
    ...(target.originId === undefined ? [] : [`${portal} origin ${target.originatorId ?? ''}/${target.originId}`])
  ]))]
}

/** Applied writes whose request the journal did not see come in, or whose command that request does not have. */
export function untracedWrites (entries: readonly JournalEntry[]): JournalEntry[] {
  const received = new Map(entries.filter(entry => entry.kind === 'received').map(entry => [`${entry.portal} ${entry.request ?? ''}`, entry]))
  return entries.filter(entry => entry.kind === 'applied' && received.get(`${entry.portal} ${entry.request ?? ''}`)?.commands?.some(command => command.command === entry.command && command.method === entry.method) !== true)
}

/** The highest level that the rate bucket had after a request. */
export function highestLevel (entries: readonly JournalEntry[]): number {
  return entries.reduce((top, entry) => Math.max(top, entry.level ?? 0), 0)
}

/** Requests that the rate bucket, the operating limit or the overload block refused. */
export function refusedRequests (entries: readonly JournalEntry[]): JournalEntry[] {
  return entries.filter(entry => entry.kind === 'answered' && ['QUERY_LIMIT_EXCEEDED', 'OPERATION_TIME_LIMIT', 'OVERLOAD_LIMIT'].includes(entry.error ?? ''))
}

/** What part of the requests that the budget allowed between the first and the last one was made. */
export function budgetShare (entries: readonly JournalEntry[], limits: { per_second: number, burst: number }): number {
  const counted = entries.filter(entry => entry.kind === 'received' && entry.level !== undefined)
  const [first, last] = [counted[0], counted.at(-1)]
  if (first === undefined || last === undefined) return 0
  return counted.length / (limits.burst + (last.at - first.at) / 1000 * limits.per_second)
}

/** Every save of a record with the attempts to tell of it. */
export function deliveriesOf (entries: readonly JournalEntry[]): SaveDeliveries[] {
  const attempts = Map.groupBy(entries.filter(entry => entry.kind === 'webhook_sent' || entry.kind === 'webhook_failed'), entry => entry.save ?? 0)
  return entries.filter(entry => entry.kind === 'save').map(save => ({ save, attempts: attempts.get(save.seq) ?? [] }))
}

/** Saves of which at least one subscription was not told with success. */
export function untoldSaves (entries: readonly JournalEntry[]): JournalEntry[] {
  return deliveriesOf(entries).filter(({ save, attempts }) => new Set(attempts.filter(({ kind }) => kind === 'webhook_sent').map(attempt => `${attempt.url ?? ''} ${attempt.subscription ?? ''}`)).size < (save.subscriptions ?? 0)).map(({ save }) => save)
}
