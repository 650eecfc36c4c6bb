import type { PortalSettings } from './config.ts'
import type { EntityType, FieldDef } from './field-table.ts'
import { describeUniversal } from './field-descriptions.ts'
import { makeFilter, sorted } from './filter.ts'
import { asMap, idOf, paged, typeOf } from './params.ts'
import type { Methods, Params, Record_ } from './params.ts'
import { missing } from './rest-error.ts'
import { requireCustomFields } from './required.ts'
import { showItem, universalName } from './show.ts'
import type { Store } from './store.ts'

export type { Page, Params } from './params.ts'

/** The universal family, `crm.item.*`. Custom fields keep their names only with `useOriginalUfNames: "Y"`, in what is sent too. */
export function itemMethods (settings: PortalSettings, store: Store): Methods {
  const by = settings.user_id
  const original = (params: Params): boolean => params['useOriginalUfNames'] === 'Y'
  const named = (type: EntityType, params: Params) => (name: string): FieldDef | undefined => store.fields(type).find(def => universalName(def, original(params)) === name)
  const shown = (params: Params, type: EntityType, id: number): { result: unknown } =>
    ({ result: { item: showItem(store.get(type, id), store.fields(type), { settings, view: { original: original(params) }, list: false }) } })
  const written = (params: Params, type: EntityType): Record_ => {
    if (typeof params['fields'] !== 'object' || params['fields'] === null) throw missing('fields')
    return upperNames(asMap(params['fields']), named(type, params))
  }

  return {
    'crm.item.get': params => shown(params, typeOf(params), idOf(params)),
    'crm.item.add': (params) => {
      const type = typeOf(params)
      const fields = written(params, type)
      requireCustomFields(store.fields(type), fields)
      return shown(params, type, store.add(type, fields, by))
    },
    'crm.item.import': (params) => {
      const type = typeOf(params)
      const fields = written(params, type)
      requireCustomFields(store.fields(type), fields)
      return shown(params, type, store.importItem(type, fields, by))
    },
    'crm.item.update': (params) => {
      const [type, id] = [typeOf(params), idOf(params)]
      const [before, fields] = [store.get(type, id), written(params, type)]
      if (changesStageOnly(before, fields)) requireCustomFields(store.fields(type), { ...before, ...fields })
      store.update(type, id, fields, by)
      return shown(params, type, id)
    },
    'crm.item.delete': (params) => { store.remove(typeOf(params), idOf(params), by); return { result: [] } },
    'crm.item.list': (params) => {
      const type = typeOf(params)
      const matches = makeFilter(asMap(params['filter']), { family: 'universal', named: named(type, params), zone: settings.zone })
      const rows = sorted([...store.all(type).values()].filter(matches), asMap(params['order']), named(type, params))
      const view = { original: original(params), select: Object.values(asMap(params['select'])) }
      return paged(rows, params['start'], page => ({ items: page.map(record => showItem(record, store.fields(type), { settings, view, list: true })) }))
    },
    'crm.item.fields': params => ({ result: { fields: Object.fromEntries(store.fields(typeOf(params)).map(def => [universalName(def, original(params)), describeUniversal(def)])) } })
  }
}

/** Does the write move the stage inside the funnel? Only then does an update look at required fields. */
const changesStageOnly = (before: Record_, fields: Record_): boolean =>
  fields['STAGE_ID'] !== undefined && fields['STAGE_ID'] !== before['STAGE_ID'] && (fields['CATEGORY_ID'] === undefined || Number(fields['CATEGORY_ID']) === before['CATEGORY_ID'])

function upperNames (fields: Record_, named: (name: string) => FieldDef | undefined): Record_ {
  const out: Record_ = {}
  for (const [name, value] of Object.entries(fields)) {
    const def = named(name)
    if (def !== undefined) out[def.name] = value
  }
  return out
}
