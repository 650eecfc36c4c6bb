import { isDealId } from '../domain/shared/ids.ts'
import type { SignalKind } from '../domain/signal/signal.ts'
import { WRONG, isFields, nested, scalar } from './fields.ts'
import type { Fields } from './fields.ts'

/** Who a body says it comes from; checked, never called, and (but for domain and member) never kept. */
export interface Sender { readonly domain: string | null, readonly memberId: string | null, readonly token: string | null }

/** Who a body says it comes from when it says nothing that can be read. */
export const NOBODY: Sender = { domain: null, memberId: null, token: null }

/** What a webhook says about a deal. `payload` is the allow-listed rest as JSON, without any token. */
export interface Hint { readonly kind: SignalKind, readonly event: string, readonly dealId: string, readonly ts: string, readonly payload: string }

/** `skipped`: well formed, but nothing that any route wants. */
export type Translated = { readonly status: 'hint', readonly hint: Hint } | { readonly status: 'skipped', readonly dealId: string | null } | { readonly status: 'malformed', readonly reason: string }

/** The events we listen to; `event.bind` names, upper case on the wire (vendor page: events/index). */
const KINDS: ReadonlyMap<string, SignalKind> = new Map([
  ['ONCRMDEALADD', 'added'], ['ONCRMDEALUPDATE', 'updated'], ['ONCRMDEALDELETE', 'deleted'], ['ONCRMDEALMOVETOCATEGORY', 'moved']
])

/** Null when `auth` or what stands in it is of the wrong kind. `domain` and `member_id` may also stand at the top. */
export function readSender (body: Fields): Sender | null {
  const auth = nested(body, 'auth')
  if (auth === WRONG) return null
  const domain = scalar(auth, 'domain') ?? scalar(body, 'domain')
  const memberId = scalar(auth, 'member_id', 64) ?? scalar(body, 'member_id', 64)
  const token = scalar(auth, 'application_token', 2000)
  if (domain === WRONG || memberId === WRONG || token === WRONG) return null
  return { domain, memberId: memberId === '' ? null : memberId, token }
}

/** A webhook of the user interface or of an app; the deal stands in `data.FIELDS.ID`, or in `deal.id` of a plainer caller. */
export function translateEvent (body: Fields, sender: Sender): Translated {
  const said = scalar(body, 'event', 100)
  if (said === WRONG || said === null || said === '') return malformed('event is missing or not a text')
  const event = said.toUpperCase()
  const kind = KINDS.get(event)
  const data = nested(body, 'data')
  const fields = data === WRONG ? WRONG : nested(data, 'FIELDS')
  const deal = nested(body, 'deal')
  if (kind === undefined) return { status: 'skipped', dealId: fields === WRONG ? null : dealIdOrNull(scalar(fields, 'ID')) }
  if (fields === WRONG || deal === WRONG) return malformed('data.FIELDS is not an object')
  const id = scalar(fields, 'ID') ?? scalar(deal, 'id') ?? scalar(deal, 'ID')
  const ts = scalar(body, 'ts', 64)
  const category = scalar(fields, 'CATEGORY_ID', 100)
  const stage = scalar(fields, 'STAGE_ID', 100)
  if (id === WRONG || id === null || !isDealId(id)) return malformed('data.FIELDS.ID is not the id of a deal')
  if (ts === WRONG || category === WRONG || stage === WRONG) return malformed('ts, CATEGORY_ID or STAGE_ID is not a single value')
  const payload = JSON.stringify({
    event,
    data: { FIELDS: { ID: id, CATEGORY_ID: category ?? undefined, STAGE_ID: stage ?? undefined } },
    ts: ts ?? undefined,
    domain: sender.domain ?? undefined,
    member_id: sender.memberId ?? undefined
  })
  return { status: 'hint', hint: { kind, event, dealId: id, ts: ts ?? '', payload } }
}

/**
 * A robot's call: no event, no ts; the deal is the element `DEAL_<id>` of `document_id`, an array with or without
 * indexes. A `deal_id` macro of the configured address stays in the query and is taken when the body names no document.
 */
export function translateRobot (body: Fields, query: Fields, sender: Sender): Translated {
  const names = documentOf(body) ?? documentOf(query)
  if (names === WRONG) return malformed('document_id is not a list of texts')
  const macro = scalar(query, 'deal_id') ?? scalar(body, 'deal_id')
  if (macro === WRONG) return malformed('deal_id is not a single value')
  const said = names === null ? macro : names.find(name => name.startsWith('DEAL_')) ?? null
  if (said === null) return names === null ? malformed('neither document_id nor deal_id') : { status: 'skipped', dealId: null }
  const id = said.startsWith('DEAL_') ? said.slice('DEAL_'.length) : said
  if (!isDealId(id)) return malformed('document_id names no deal')
  const payload = JSON.stringify({ document_id: `DEAL_${id}`, domain: sender.domain ?? undefined, member_id: sender.memberId ?? undefined })
  return { status: 'hint', hint: { kind: 'unknown', event: '', dealId: id, ts: '', payload } }
}

function documentOf (fields: Fields): readonly string[] | null | typeof WRONG {
  const value = Object.hasOwn(fields, 'document_id') ? fields['document_id'] : null
  if (value === null || value === undefined) return null
  const items: unknown[] = Array.isArray(value) ? value : isFields(value) ? Object.values(value) : [value]
  return items.every(item => typeof item === 'string' && item.length <= 253) ? items as string[] : WRONG
}

function dealIdOrNull (id: string | null | typeof WRONG): string | null {
  return typeof id === 'string' && isDealId(id) ? id : null
}

function malformed (reason: string): Translated {
  return { status: 'malformed', reason }
}
