import type { PortalSettings } from './config.ts'
import { isStageOf } from './deal-rules.ts'
import { describeOld } from './field-descriptions.ts'
import type { EntityType, FieldDef } from './field-table.ts'
import { makeFilter, sorted } from './filter.ts'
import { MULTIFIELD_TYPES, fromOld } from './multifields.ts'
import { anyCase, asMap, paged } from './params.ts'
import type { Methods, Page, Params, Record_ } from './params.ts'
import { RestError, oldNotFound } from './rest-error.ts'
import { showOld } from './show.ts'
import type { Store } from './store.ts'

/** The old families `crm.deal.*`, `crm.contact.*` and `crm.company.*`. */
export function oldMethods (settings: PortalSettings, store: Store): Methods {
  return { ...family('deal', 2, { settings, store }), ...family('contact', 3, { settings, store }), ...family('company', 4, { settings, store }) }
}

/** UPPER-case names, every scalar a text or null, unknown filters dropped, parameter names in any case, errors without a code. */
function family (name: string, type: EntityType, { settings, store }: { settings: PortalSettings, store: Store }): Methods {
  const by = settings.user_id
  const defs = store.fields(type)
  const named = (field: string): FieldDef | undefined => defs.find(def => def.name === field)
  const updated = (id: number, fields: Record_): void => {
    const before = store.get(type, id)
    // A stage of another funnel: the portal says yes and changes nothing.
    if (type === 2 && fields['STAGE_ID'] !== undefined && !isStageOf(settings, before['CATEGORY_ID'], fields['STAGE_ID'])) return
    store.update(type, id, written(fields, defs, 'update'), by, { always: settings.switches.empty_old_update_saves })
  }
  const methods: Methods = {
    get: params => ({ result: showOld(store.get(type, oldId(params)), defs, { settings }) }),
    add: params => ({ result: store.add(type, written(oldFields(params), defs, 'add'), by) }),
    update: (params) => { updated(oldId(params), oldFields(params)); return { result: true } },
    delete: (params) => { store.remove(type, oldId(params), by); return { result: true } },
    list: (params) => {
      const matches = makeFilter(asMap(params['filter']), { family: 'old', named, zone: settings.zone })
      const rows = sorted([...store.all(type).values()].filter(matches), asMap(params['order']), named)
      return paged(rows, params['start'], page => page.map(record => showOld(record, defs, { settings, select: Object.values(asMap(params['select'])) })))
    },
    fields: () => ({ result: Object.fromEntries(defs.flatMap(def => def.type === 'multifield'
      ? MULTIFIELD_TYPES.map(typeId => [typeId, { ...describeOld(def), title: typeId }])
      : [[def.name, describeOld(def)]])) })
  }
  return Object.fromEntries(Object.entries(methods).map(([verb, method]) => [`crm.${name}.${verb}`, oldErrors(method)]))
}

/** A method of an old family: parameter names in any case; what the portal refuses has no code, but for ERROR_CORE and "100". */
export function oldErrors (method: (params: Params) => Page): (params: Params) => Page {
  return (params) => {
    try {
      return method(anyCase(params))
    } catch (error) {
      if (!(error instanceof RestError)) throw error
      if (error.code === 'NOT_FOUND') throw oldNotFound()
      throw error.code.startsWith('CRM_FIELD_ERROR') ? new RestError('', error.message) : error
    }
  }
}

/** The id of a call of an old family, whose parameter names are in lower case by now. */
export function oldId (params: Params): number {
  const id = Number(params['id'])
  if (!Number.isInteger(id) || id <= 0) throw new RestError('', 'ID is not defined or invalid')
  return id
}

/** The `fields` of a call of an old family. */
export function oldFields (params: Params): Record_ {
  const fields = params['fields']
  if (typeof fields !== 'object' || fields === null) throw new RestError('', 'Parameter \'fields\' must be array.')
  return fields as Record_
}

/** What this family may write, with multi-fields and files in the shape of the store. */
function written (fields: Record_, defs: FieldDef[], on: 'add' | 'update'): Record_ {
  const out: Record_ = {}
  for (const def of defs) {
    if (def.type === 'multifield') {
      const values = fromOld(fields)
      if (values !== undefined) out[def.name] = values
      continue
    }
    if (!Object.hasOwn(fields, def.name) || def.write === 'new' || (on === 'update' && def.write === 'Au')) continue
    out[def.name] = def.type === 'file' ? oldFiles(fields[def.name]) : fields[def.name]
  }
  return out
}

function oldFiles (value: unknown): unknown {
  const inner = asMap(value)['fileData']
  if (inner !== undefined) return inner
  return Array.isArray(value) ? value.map(oldFiles) : value
}
