import type { Command } from '../../src/bitrix24/batch.ts'
import type { BatchAnswer, PortalClient } from '../../src/bitrix24/client.ts'
import type { Fate } from '../../src/bitrix24/response.ts'

/** One state of a source deal. `second` is its modification time, which counts whole seconds (ms). */
export interface State { readonly value: string, readonly second: number }

/** A source portal in memory: a few deals, each with every state it ever had. */
export interface Source {
  readonly name: string
  readonly deals: ReadonlyMap<string, State[]>
  change (dealId: string, value: string, nowMs: number): State
  current (dealId: string): State
  /** A deal as `crm.item.*` shows it. */
  item (dealId: string, state: State): Readonly<Record<string, unknown>>
}

export function createSource (name: string, ids: readonly string[]): Source {
  const deals = new Map<string, State[]>(ids.map(id => [id, []]))
  const statesOf = (dealId: string): State[] => deals.get(dealId) ?? []
  return {
    name,
    deals,
    change (dealId, value, nowMs) {
      const state = { value, second: Math.floor(nowMs / 1000) * 1000 }
      statesOf(dealId).push(state)
      return state
    },
    current (dealId) {
      const state = statesOf(dealId).at(-1)
      if (state === undefined) throw new Error(`deal ${dealId} has no state yet`)
      return state
    },
    item: (dealId, { value, second }) => ({ id: Number(dealId), title: value, stageId: value.startsWith('X') ? 'REFUSED' : 'NEW', updatedTime: new Date(second).toISOString() })
  }
}

/** What a read of a deal shows now: mostly its last state, sometimes one of the replica's. */
export type Shown = (dealId: string) => State

/** The answers to a batch of lists of a source portal's deals. */
export function answerReads (source: Source, commands: ReadonlyMap<string, Command>, { shown, nowMs }: { readonly shown: Shown, readonly nowMs: number }): BatchAnswer {
  const fates = new Map<string, Fate>([...commands].map(([key, { params }]) => {
    const ids = (params['filter'] as { '@id': readonly string[] })['@id']
    const items = ids.filter(id => source.deals.has(id)).map(id => source.item(id, shown(id)))
    return [key, { kind: 'ok', result: { items }, time: null }]
  }))
  return { kind: 'ok', fate: key => fates.get(key) ?? { kind: 'none' }, portalNow: nowMs }
}

/** What every client in memory has in common: a budget that is never used up, a circuit that is never open. */
export function openClient (name: string, own: Pick<PortalClient, 'batch' | 'call'>): PortalClient {
  return {
    name,
    limiter: { slot: () => Promise.resolve({ notAfter: Infinity }), refused: () => Promise.resolve(), beat: () => Promise.resolve(), mode: () => 'shared' },
    breakerState: () => 'closed',
    heldMs: () => 0,
    room: () => Infinity,
    batchSize: () => 50,
    begin: () => () => undefined,
    ...own
  }
}
