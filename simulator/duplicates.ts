import type { PortalSettings } from './config.ts'
import type { EntityType } from './field-table.ts'
import type { Multifield } from './multifields.ts'
import { oldErrors } from './old-family.ts'
import { asList, asMap } from './params.ts'
import type { Methods, Record_ } from './params.ts'
import { RestError } from './rest-error.ts'
import type { Store } from './store.ts'
import { asText } from './text.ts'

const CAP = 20
const KINDS = [['CONTACT', 3], ['COMPANY', 4]] as const

/** Finding and merging duplicates. */
export function duplicateMethods (settings: PortalSettings, store: Store): Methods {
  return {
    'crm.duplicate.findbycomm': oldErrors((params) => {
      const type = asText(params['type'])
      if (type !== 'PHONE' && type !== 'EMAIL') throw new RestError('', `Communication type '${type}' is not supported in current context.`)
      // What is beyond the cap is not looked for, without a word.
      const values = new Set(asList(params['values']).slice(0, CAP).map(value => comparable(type, asText(value))))
      const found: [string, number[]][] = []
      for (const [kind, entity] of KINDS) {
        if (![undefined, '', kind].includes(params['entity_type'] as string | undefined)) continue
        const ids = [...store.all(entity)].filter(([, record]) => has(record, type, values)).map(([id]) => id)
        if (ids.length > 0) found.push([kind, ids.slice(0, CAP)])
        if (ids.length >= CAP) break
      }
      return { result: found.length === 0 ? [] : Object.fromEntries(found) }
    }),
    'crm.entity.mergebatch': (params) => {
      const { entityTypeId, entityIds } = asMap(params['params'])
      return { result: merge(store, settings, { type: Number(entityTypeId), ids: asList(entityIds).map(Number) }) }
    }
  }
}

function has (record: Record_, type: 'PHONE' | 'EMAIL', values: Set<string>): boolean {
  return (record['FM'] as Multifield[] | undefined ?? []).some(each => each.typeId === type && values.has(comparable(type, each.value)))
}

/** Telephones are compared by their digits, a Russian 8 being a 7; addresses without case. */
function comparable (type: 'PHONE' | 'EMAIL', value: string): string {
  if (type === 'EMAIL') return value.trim().toLowerCase()
  const digits = value.replace(/\D/g, '')
  return digits.length === 11 && digits.startsWith('8') ? `7${digits.slice(1)}` : digits
}

/** Fills what is empty in the first record from the others, then deletes these. */
function merge (store: Store, settings: PortalSettings, { type, ids }: { type: number, ids: number[] }): { STATUS: string, ENTITY_IDS: number[] } {
  const [first, ...others] = [...new Set(ids)]
  if (![2, 3, 4].includes(type) || first === undefined || others.length === 0 || ids.some(id => !store.all(type as EntityType).has(id))) return { STATUS: 'ERROR', ENTITY_IDS: [] }
  const entity = type as EntityType
  const manner = { silent: !settings.switches.merge_fires_events }
  const moved: Record_ = {}
  for (const def of store.fields(entity)) {
    if (def.write === '' || def.type === 'stage' || def.type === 'category') continue
    const values = [first, ...others].map(id => store.get(entity, id)[def.name])
    const [own, ...theirs] = values
    if (def.type === 'multifield') moved[def.name] = Object.fromEntries((theirs.flat() as (Multifield | undefined)[]).map((each, i) => [`n${i}`, each]))
    else if (def.type === 'links') moved[def.name] = [...new Set(values.flat().filter(id => id !== undefined))]
    else if (isEmpty(own)) moved[def.name] = theirs.find(value => !isEmpty(value)) ?? own
  }
  const rows = entity === 2 ? [first, ...others].flatMap(id => store.rows(id)) : []
  store.update(entity, first, moved, settings.user_id, manner)
  if (rows.length > store.rows(first).length) store.setRows(first, rows.map(row => ({ ...row })), settings.user_id, manner)
  for (const id of others) store.remove(entity, id, settings.user_id, manner)
  return { STATUS: 'SUCCESS', ENTITY_IDS: others }
}

const isEmpty = (value: unknown): boolean => value === undefined || value === null || value === '' || value === 0 || (Array.isArray(value) && value.length === 0)
