import type { PortalSettings } from './config.ts'
import { oldErrors, oldFields, oldId } from './old-family.ts'
import { asList, asMap } from './params.ts'
import type { Methods, Params, Record_ } from './params.ts'
import { RestError } from './rest-error.ts'
import type { Store } from './store.ts'

interface Bound { id: number, sort: number, primary: boolean }

/** The contacts of a deal, `crm.deal.contact.*`; CONTACT_ID and CONTACT_IDS of the deal follow. */
export function dealContactMethods (settings: PortalSettings, store: Store): Methods {
  const bound = (dealId: number): Bound[] => {
    const deal = store.get(2, dealId)
    const sorts = store.sorts(dealId)
    return (deal['CONTACT_IDS'] as number[]).map((id, i) => ({ id, sort: sorts[id] ?? (i + 1) * 10, primary: id === deal['CONTACT_ID'] })).toSorted((a, b) => a.sort - b.sort)
  }
  const bind = (dealId: number, contacts: Bound[]): void => {
    const primary = contacts.find(contact => contact.primary) ?? contacts[0]
    const sorts = store.sorts(dealId)
    for (const { id, sort } of contacts) sorts[id] = sort
    store.update(2, dealId, { CONTACT_IDS: contacts.map(contact => contact.id), CONTACT_ID: primary?.id ?? 0 }, settings.user_id, { silent: !settings.switches.binding_fires_update })
  }
  const methods: Methods = {
    'crm.deal.contact.add': (params) => {
      const [id, contacts] = [oldId(params), bound(oldId(params))]
      const one = contactOf(oldFields(params), (contacts.length + 1) * 10)
      if (contacts.some(contact => contact.id === one.id)) return { result: false }
      bind(id, [...(one.primary ? contacts.map(contact => ({ ...contact, primary: false })) : contacts), one])
      return { result: true }
    },
    'crm.deal.contact.delete': (params) => {
      const [id, contacts] = [oldId(params), bound(oldId(params))]
      const one = contactOf(oldFields(params), 0)
      const left = contacts.filter(contact => contact.id !== one.id)
      if (left.length === contacts.length) return { result: false }
      bind(id, left)
      return { result: true }
    },
    'crm.deal.contact.items.get': params => ({ result: bound(oldId(params)).map(({ id, sort, primary }) => ({ CONTACT_ID: id, SORT: sort, ROLE_ID: 0, IS_PRIMARY: primary ? 'Y' : 'N' })) }),
    'crm.deal.contact.items.set': (params) => {
      bind(oldId(params), itemsOf(params).map((item, i) => contactOf(item, (i + 1) * 10)))
      return { result: true }
    },
    'crm.deal.contact.items.delete': (params) => { bind(oldId(params), []); return { result: true } }
  }
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, oldErrors(method)]))
}

function contactOf (fields: Record_, sort: number): Bound {
  const id = Number(fields['CONTACT_ID'])
  if (!Number.isInteger(id) || id <= 0) throw new RestError('', 'The parameter \'CONTACT_ID\' is not defined or invalid.')
  return { id, sort: Number(fields['SORT'] ?? sort), primary: fields['IS_PRIMARY'] === 'Y' }
}

function itemsOf (params: Params): Record_[] {
  if (typeof params['items'] !== 'object' || params['items'] === null) throw new RestError('', 'The parameter \'items\' must be array.')
  return asList(params['items']).map(asMap)
}
