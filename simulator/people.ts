import type { Acting, Actor } from './acting.ts'
import type { PortalSettings } from './config.ts'
import { eventOf } from './event-names.ts'
import type { FaultSpec, Faults, Occasion } from './faults.ts'
import type { Page } from './params.ts'
import type { Record_, Saved, Store } from './store.ts'

/** Those who touch deals beside the caller: robots of the funnels, and people of a scripted fault. */
export interface People {
  /** After a save: robots and people of a fault act a moment later, when the save is over. */
  saved: (saved: Saved, actor: Actor) => void
  /** After a read through REST: a fault may let a person change what was read. */
  wasRead: (occasion: Occasion, page: Page) => void
  /** Moves what the first deal lacks from the others into it and deletes them. */
  merge: (ids: readonly number[]) => void
}
export interface PeopleDeps { readonly settings: PortalSettings, readonly store: Store, readonly faults: Faults, readonly acting: Acting }

export function createPeople ({ settings, store, faults, acting }: PeopleDeps): People {
  const person: Actor = { by: 'person', userId: settings.user_id }
  const robot: Actor = { by: 'robot', userId: settings.user_id }
  const change = (actor: Actor, id: number, fields: Record_ | undefined): void => {
    const deal = store.all(2).get(id)
    if (deal !== undefined) acting.as(actor, () => { store.update(2, id, fields ?? { TITLE: `${String(deal['TITLE'])} (changed)` }, actor.userId) })
  }

  function merge (ids: readonly number[]): void {
    const [first, ...others] = ids
    if (first === undefined) return
    acting.as({ ...person, silent: !settings.switches.merge_fires_events }, () => {
      const lacking = others.flatMap(id => Object.entries(store.get(2, id)).filter(([name, value]) => isEmpty(store.get(2, first)[name]) && !isEmpty(value)))
      store.update(2, first, Object.fromEntries(lacking), person.userId)
      for (const id of others) store.remove(2, id, person.userId)
    })
  }

  function misfortune (fault: FaultSpec, id: number): void {
    if (!store.all(2).has(id)) return
    if (fault.mode === 'vanish') return acting.as(person, () => { store.remove(2, id, person.userId) })
    if (fault.mode === 'saved_again') return change(person, id, fault.fields)
    const survivor = Math.min(...store.all(2).keys())
    if (survivor !== id) merge([survivor, id])
  }

  return {
    merge,
    saved: ({ type, id, kind, record, changed }, actor) => {
      if (type !== 2 || kind === 'deleted') return
      const arrived = kind === 'added' || changed.includes('STAGE_ID')
      const saves = actor.by === 'robot' ? [] : settings.robots.filter(rule => rule.stage === undefined ? kind === 'added' : arrived && rule.stage === record['STAGE_ID']).flatMap(rule => rule.saves)
      const fault = faults.strike('data', { methods: [eventOf(type, kind)], text: String(id) }, ['vanish', 'merged', 'saved_again'])
      // A fault that changes a deal would meet its own save again.
      if (fault?.mode === 'saved_again' && actor.by === 'person' && fault.times === undefined) return
      if (saves.length > 0 || fault !== undefined) {
        setImmediate(() => {
          for (const fields of saves) change(robot, id, fields)
          if (fault !== undefined) misfortune(fault, id)
        })
      }
    },
    wasRead: (occasion, page) => {
      const fault = faults.strike('data', occasion, ['changed_after_read'])
      if (fault === undefined) return
      const ids = idsIn(page.result)
      setImmediate(() => { for (const id of ids) change(person, id, fault.fields) })
    }
  }
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '' || value === 0 || (Array.isArray(value) && value.length === 0)

/** Deal ids in the answer of a read, in the shapes of both families. */
function idsIn (result: unknown): number[] {
  const shape = result as Record_ | Record_[]
  const rows = Array.isArray(shape) ? shape : Array.isArray(shape['items']) ? shape['items'] as Record_[] : [(shape['item'] ?? shape) as Record_]
  return rows.map(row => Number(row['id'] ?? row['ID'])).filter(id => !Number.isNaN(id))
}
