import type { Caller } from './caller.ts'
import type { PortalSettings } from './config.ts'
import { familyMethods } from './families.ts'
import type { Page, Params } from './params.ts'
import { RestError } from './rest-error.ts'
import type { Record_, Store } from './store.ts'

export type Method = (params: Params, caller: Caller) => Page
/** What the caller may not see: `hidden` deals, and, in lists only, deals that were added too short a time ago. */
export interface Sight { readonly hidden: ReadonlySet<number>, readonly isFresh: (deal: number) => boolean }

const LISTS = /\.list$|\.findbycomm$/

/** Every method of the data half. Lists leave out what the caller may not see, without a word. */
export function dataMethods (settings: PortalSettings, store: Store, sight: Sight): Record<string, Method> {
  const family = (of: Store): Record<string, Method> => familyMethods(settings, of)
  const seen: Store = { ...store, all: type => type === 2 ? visible(store.all(2), sight) : store.all(type) }
  const lists = family(seen)
  return Object.fromEntries(Object.entries(family(store)).map(([name, method]) => [name, LISTS.test(name) ? lists[name] ?? method : method]))
}

function visible (deals: Map<number, Record_>, sight: Sight): Map<number, Record_> {
  return new Map([...deals].filter(([id]) => !sight.hidden.has(id) && !sight.isFresh(id)))
}

/** Throws when a command names a deal that its caller may not see, in the words of its family. */
export function needSight (sight: Sight, method: string, dealId: number | undefined): void {
  if (dealId === undefined || !sight.hidden.has(dealId)) return
  throw method.startsWith('crm.deal.') ? new RestError('', 'Access denied') : new RestError('ACCESS_DENIED', 'Access denied')
}
