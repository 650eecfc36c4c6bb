import type { PortalSettings } from './config.ts'
import { oldErrors, oldId } from './old-family.ts'
import { asList, asMap, paged } from './params.ts'
import type { Methods, Record_ } from './params.ts'
import type { ProductRow } from './product-row.ts'
import { RestError, missing } from './rest-error.ts'
import type { Store } from './store.ts'
import { asText } from './text.ts'

const upper = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
const camel = (name: string): string => name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Product rows of deals, in both families; a set replaces every row and, unless the sum is manual, the sum. */
export function productRowMethods (settings: PortalSettings, store: Store): Methods {
  const by = settings.user_id
  return {
    'crm.item.productrow.list': (params) => {
      const filter = asMap(params['filter'])
      const owner = ownerOf(filter['=ownerType'] ?? filter['ownerType'], filter['=ownerId'] ?? filter['ownerId'], 'filter')
      return paged(store.all(2).has(owner) ? store.rows(owner) : [], params['start'], rows => ({ productRows: rows }))
    },
    'crm.item.productrow.set': (params) => {
      const owner = ownerOf(params['ownerType'], params['ownerId'], 'ownerId')
      if (params['productRows'] !== '' && typeof params['productRows'] !== 'object') throw missing('productRows')
      store.setRows(owner, asList(params['productRows']).map(asMap), by)
      return { result: { productRows: store.rows(owner) } }
    },
    'crm.deal.productrows.get': oldErrors((params) => {
      const id = oldId(params)
      store.get(2, id)
      return { result: store.rows(id).map(oldRow) }
    }),
    'crm.deal.productrows.set': oldErrors((params) => {
      const rows = params['rows']
      if (rows !== '' && typeof rows !== 'object') throw new RestError('', 'Parameter \'rows\' must be array.')
      store.setRows(oldId(params), asList(rows).map(row => renamed(asMap(row), camel)), by)
      return { result: true }
    })
  }
}

function ownerOf (type: unknown, id: unknown, where: string): number {
  if (type !== 'D' || id === undefined) throw missing(where)
  return Number(id)
}

/** Mixed types: ids are texts, the rest as the universal family has it. */
function oldRow (row: ProductRow): Record_ {
  return { ...renamed({ ...row }, upper), ID: asText(row.id), OWNER_ID: asText(row.ownerId) }
}

const renamed = (values: Record_, name: (from: string) => string): Record_ => Object.fromEntries(Object.entries(values).map(([key, value]) => [name(key), value]))
