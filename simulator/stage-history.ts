import type { PortalSettings } from './config.ts'
import type { FieldDef, FieldType } from './field-table.ts'
import { makeFilter, sorted } from './filter.ts'
import { asMap, paged, typeOf } from './params.ts'
import type { Methods, Record_ } from './params.ts'
import type { Store } from './store.ts'
import { isoInZone } from './zone.ts'

const FIELDS: [string, FieldType][] = [
  ['ID', 'integer'], ['TYPE_ID', 'integer'], ['OWNER_ID', 'integer'], ['CREATED_TIME', 'datetime'], ['CATEGORY_ID', 'category'], ['STAGE_SEMANTIC_ID', 'string'], ['STAGE_ID', 'stage']
]

/** `crm.stagehistory.list`: what stages a deal went through; contacts and companies have none. */
export function stageHistoryMethods (settings: PortalSettings, store: Store): Methods {
  const defs = FIELDS.map(([name, type]): FieldDef => ({ name, type, camel: name, write: '', multiple: false }))
  const named = (name: string): FieldDef | undefined => defs.find(def => def.name === name)
  return {
    'crm.stagehistory.list': (params) => {
      const changes = typeOf(params) === 2 ? store.history().map((change): Record_ => ({ ...change })) : []
      const rows = sorted(changes.filter(makeFilter(asMap(params['filter']), { family: 'old', named, zone: settings.zone })), asMap(params['order']), named)
      return paged(rows, params['start'], page => ({ items: page.map(row => ({ ...row, CREATED_TIME: isoInZone(Number(row['CREATED_TIME']), settings.zone) })) }))
    }
  }
}
