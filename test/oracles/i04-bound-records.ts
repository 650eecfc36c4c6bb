import type { Evidence, Finding, PortalDeal, PortalRecords } from '../rig/evidence.ts'
import { isMapped } from './i04-last-state.ts'
import { heldDeals } from './orders.ts'

const FIELDS = { contact: ['NAME', 'LAST_NAME'], company: ['TITLE'] } as const
// The lines of mapping/partner.yaml about records, told again.
const VALUES = ['PHONE', 'EMAIL']
type Kind = 'contact' | 'company'

/**
 * I4 of contacts and companies: the copy of a deal names the copies of the records that the deal names and no others, with the
 * same primary contact, and each of these holds the mapped fields of its source record. Nobody is recognised in a rig where no two share a
 * telephone, an address or a title, so the copy is the one with the ORIGIN pair. Records that no mapped deal names may lag; so may held deals.
 */
export function boundRecords (evidence: Pick<Evidence, 'sourceDeals' | 'targetDeals' | 'sourceRecords' | 'targetRecords' | 'log'>): Finding[] {
  const { sourceDeals, targetDeals, sourceRecords, targetRecords } = evidence
  const held = heldDeals(evidence.log)
  const copies = new Map(targetDeals.map(deal => [String(deal['ORIGIN_ID']), deal]))
  const named = new Map<string, { readonly kind: Kind, readonly source: PortalDeal | undefined, readonly copy: PortalDeal | undefined }>()
  const bindings = [...sourceDeals].flatMap(([portal, deals]) => deals.filter(isMapped).flatMap((deal) => {
    const key = `${portal}:${String(deal['ID'])}`
    const copy = copies.get(key)
    if (copy === undefined || held.has(key)) return []
    return (['company', 'contact'] as const).flatMap((kind) => {
      const wanted = idsOf(deal, kind).map((id) => {
        const found = { kind, source: byId(sourceRecords.get(portal), kind, id), copy: targetRecords[kind].find(each => each['ORIGIN_ID'] === `${portal}:${id}`) }
        named.set(`${kind} ${portal}:${id}`, found)
        return found.copy === undefined ? `none for ${id}` : String(found.copy['ID'])
      })
      const [bound, asWanted] = [inOrder(idsOf(copy, kind)), inOrder(wanted)]
      return asWanted === bound ? [] : [finding(key, `its copy names the ${kind} ${bound === '' ? 'nobody' : bound}, not ${asWanted === '' ? 'nobody' : asWanted}`)]
    })
  }))
  return [...bindings, ...[...named].flatMap(([key, { kind, source, copy }]) => source === undefined || copy === undefined ? [] : differences(key, { kind, source, copy }))]
}

function differences (key: string, { kind, source, copy }: { kind: Kind, source: PortalDeal, copy: PortalDeal }): Finding[] {
  const plain = FIELDS[kind].filter(name => textOf(source[name]) !== textOf(copy[name])).map(name => `${name} is ${textOf(copy[name])}, not ${textOf(source[name])}`)
  const multi = VALUES.filter(type => valuesOf(source, type) !== valuesOf(copy, type)).map(type => `${type} is ${valuesOf(copy, type) || 'empty'}, not ${valuesOf(source, type)}`)
  return [...plain, ...multi].map(what => finding(key, what))
}

/** The ids that a deal names, as text: its company if it has one, its contacts with the primary one first and no order among the others. */
function idsOf (deal: PortalDeal, kind: Kind): string[] {
  const listed = Array.isArray(deal['CONTACT_IDS']) ? deal['CONTACT_IDS'].map(textOf).toSorted() : []
  const ids = kind === 'contact' ? [textOf(deal['CONTACT_ID']), ...listed] : [textOf(deal['COMPANY_ID'])]
  return [...new Set(ids)].filter(id => id !== '' && id !== '0')
}

/** The first stays, the others have no order. */
function inOrder ([first, ...others]: readonly string[]): string {
  return [...first === undefined ? [] : [first], ...others.toSorted()].join(', ')
}

function byId (records: PortalRecords | undefined, kind: Kind, id: string): PortalDeal | undefined {
  return records?.[kind].find(each => textOf(each['ID']) === id)
}

function valuesOf (record: PortalDeal, type: string): string {
  return ((record['FM'] ?? []) as readonly { readonly typeId: string, readonly value: string }[]).filter(each => each.typeId === type).map(each => each.value).toSorted().join(' ')
}

function textOf (value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function finding (about: string, what: string): Finding {
  return { invariant: 'I4', about, what }
}
