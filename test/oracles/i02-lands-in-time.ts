import { dealKey } from '../rig/evidence.ts'
import type { Evidence, Finding, SourceSave, Span } from '../rig/evidence.ts'
import { heldSpans, ordersOf } from './orders.ts'

type Looked = Pick<Evidence, 'sourceSaves' | 'targetSaves' | 'troubles' | 'bounds' | 'log'>

/** A save and how long it took: from the save, or from the end of the last trouble on its way, whichever is later. Null: it has not landed. */
export interface Waited { readonly save: SourceSave, readonly since: number, readonly ms: number | null }

/**
 * I2: every save of a source deal that the mapping knows lands within `bounds.changeMs`, whether a webhook told of it or not, and
 * a deletion closes the copy within `bounds.deletionMs`.
 *
 * The clock runs from the save. A fault that is there when it begins to run, or comes before it has run out, sets it back to
 * begin when that fault has healed; so does a hold by an operator. A fault that comes later excuses nothing. A save that was
 * overtaken before its time was up, by a deletion or by a stage that the mapping does not know, need not land.
 */
export function landsInTime (evidence: Looked): Finding[] {
  const { changeMs, deletionMs } = evidence.bounds
  return waits(evidence).flatMap(({ save, since, ms }) => {
    const bound = save.isDeletion ? deletionMs : changeMs
    if (ms !== null && ms <= bound) return []
    const what = `${save.isDeletion ? 'the deletion' : `version ${save.version}`} of ${new Date(save.at).toISOString()} had not landed ${bound} ms after ${since === save.at ? 'it' : new Date(since).toISOString()}`
    return [{ invariant: 'I2', about: dealKey(save), what: ms === null ? what : `${what}, but ${ms} ms after` }]
  })
}

/** What I2 looks at: saves that must land, with the time they took. */
export function waits ({ sourceSaves, targetSaves, troubles, bounds, log }: Looked): Waited[] {
  const copies = Map.groupBy(targetSaves, save => save.origin)
  const orders = ordersOf(log)
  return [...Map.groupBy(sourceSaves, dealKey)].flatMap(([key, saves]) => {
    const own = copies.get(key) ?? []
    const spans = [...troubles, ...heldSpans(orders.get(key) ?? [])].toSorted((a, b) => a.from - b.from)
    return saves.flatMap((save, i): Waited[] => {
      if (save.isDeletion ? own.length === 0 : !save.isMapped) return []
      const bound = save.isDeletion ? bounds.deletionMs : bounds.changeMs
      const since = clockOf(save.at, bound, spans)
      const landed = own.find(copy => copy.at >= save.at && (save.isDeletion ? copy.isClosed : copy.version >= save.version))
      if (landed !== undefined) return [{ save, since, ms: Math.max(0, landed.at - since) }]
      const isOvertaken = saves.slice(i + 1).some(later => (later.isDeletion || !later.isMapped) && later.at <= since + bound)
      return isOvertaken || since === Infinity ? [] : [{ save, since, ms: null }]
    })
  })
}

/** When the clock of something at `at` begins to run for good; `spans` by their beginning. */
function clockOf (at: number, bound: number, spans: readonly Span[]): number {
  return spans.reduce((since, { from, to }) => from <= since + bound && to > since ? to : since, at)
}
