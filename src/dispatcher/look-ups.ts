import { BATCH_SIZE } from '../bitrix24/batch.ts'
import type { Quotas } from '../domain/schedule/share.ts'
import { createTurns, turnOf } from './turns.ts'
import type { Planned } from './work.ts'

/** Decides when the target is asked whether creates stand there already, and about which. */
export interface LookUps {
  /**
   * Takes the creates of this request's look-up off the queue; none while it is put off. `size`: commands of a full request;
   * `mayWait`: whether a write of `ready` could take the place of the look-up.
   */
  take (queues: { readonly ready: readonly Planned[], readonly toLookUp: Planned[] }, how: { readonly size: number, readonly mayWait: boolean }): Planned[]
}

// Creates that one look-up of a full request asks for. It answers a page of 50, of creates mostly none, so it costs next to nothing (decision 0009).
const LOOK_UP_SIZE = 200
// As many full requests as one look-up serves, less the one that carries it.
const MOST_PUT_OFF = LOOK_UP_SIZE / BATCH_SIZE - 1

/**
 * A look-up takes the place of a write, so it is put off while writes of the same lane and portal fill this request and the next:
 * it asks for more creates then. Never for more than three requests in a row: a create among many updates would wait for all of them.
 */
export function createLookUps (quotas: Quotas): LookUps {
  const turns = createTurns(quotas)
  let putOff = 0
  return {
    take ({ ready, toLookUp }, { size, mayWait }) {
      if (toLookUp.length === 0) return []
      if (mayWait && putOff < MOST_PUT_OFF && areAllReady(ready, toLookUp, size)) {
        putOff += 1
        return []
      }
      putOff = 0
      return turns.take(toLookUp, LOOK_UP_SIZE * size / BATCH_SIZE)
    }
  }
}

/** Whether everybody whose creates wait for a look-up has writes enough for this request and the next. */
function areAllReady (ready: readonly Planned[], toLookUp: readonly Planned[], size: number): boolean {
  if (ready.length < 2 * size) return false
  const here = Map.groupBy(ready, turnOf)
  const parties = new Set([...here.keys(), ...toLookUp.map(turnOf)]).size
  return toLookUp.every(planned => (here.get(turnOf(planned))?.length ?? 0) >= 2 * size / parties)
}
