import { asMap } from './params.ts'
import { RestError } from './rest-error.ts'
import { asText } from './text.ts'

/** A telephone, an address and the like of a contact or a company, as `fm` shows it. */
export interface Multifield { id: number, typeId: string, valueType: string, value: string }

/** The kinds of multi-fields; in the old family each is a field of its own. */
export const MULTIFIELD_TYPES = ['PHONE', 'EMAIL', 'WEB', 'IM'] as const

/**
 * The values after a write. `written` is a list, or a map keyed by the id of a value or by anything else (`n0`):
 * an id that is there is changed, or removed when its value is empty; every other key ADDS, so that the same write
 * twice makes two values. An entry without `typeId` is ignored. Throws ERROR_CORE for a bad e-mail.
 */
export function writtenMultifields (written: unknown, before: unknown, nextId: () => number): Multifield[] {
  const after = [...(before as Multifield[] | undefined ?? [])]
  for (const [key, entry] of Object.entries(asMap(written))) {
    const { typeId, valueType, value } = asMap(entry)
    if (typeof typeId !== 'string' || typeId === '') continue
    const at = Array.isArray(written) ? -1 : after.findIndex(each => String(each.id) === key && each.typeId === typeId)
    const old = after[at]
    const text = value === undefined ? old?.value ?? '' : asText(value).trim()
    if (text === '') {
      if (at >= 0) after.splice(at, 1)
      continue
    }
    if (typeId === 'EMAIL' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)) throw new RestError('ERROR_CORE', `The e-mail address "${text}" is not valid`)
    const kind = asText(valueType)
    if (old === undefined) after.push({ id: nextId(), typeId, valueType: kind === '' ? 'WORK' : kind, value: text })
    else after[at] = { ...old, valueType: kind === '' ? old.valueType : kind, value: text }
  }
  return after
}

/** A write of the old family, `PHONE: [{ID?, VALUE, VALUE_TYPE, DELETE?}]`, as the map that `writtenMultifields` takes. */
export function fromOld (fields: Record<string, unknown>): Record<string, unknown> | undefined {
  const out: Record<string, unknown> = {}
  for (const typeId of MULTIFIELD_TYPES) {
    for (const entry of Object.values(asMap(fields[typeId]))) {
      const { ID, VALUE, VALUE_TYPE, DELETE } = asMap(entry)
      const key = ID === undefined || asText(ID) === '' ? `n${Object.keys(out).length}` : asText(ID)
      out[key] = { typeId, valueType: VALUE_TYPE, value: DELETE === 'Y' ? '' : VALUE }
    }
  }
  return Object.keys(out).length === 0 ? undefined : out
}

/** The values of one kind as the old family shows them. */
export function toOld (values: unknown, typeId: string): Record<string, string>[] {
  return (values as Multifield[] | undefined ?? []).filter(each => each.typeId === typeId)
    .map(each => ({ ID: String(each.id), VALUE_TYPE: each.valueType, VALUE: each.value, TYPE_ID: typeId }))
}
