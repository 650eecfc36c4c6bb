/**
 * Promises: an edit counts for the one source state that the operator saw, and never again once that state is gone.
 * Does not promise: that an edited value suits the target; a refused one parks the deal as any other value would.
 * Breaks it: to overlay an edit without comparing its `of` with the version just read.
 * Watched by: src/dispatcher/parked.int.test.ts, with its planted bug.
 */

/** Values by the target's UPPER-case field names; an empty text clears the field. */
export type EditedFields = Readonly<Record<string, string>>

/** What an operator's order `edit` gives in place of the mapping. `of` is the hash of the source state it is for. */
export interface Edit { readonly fields: EditedFields, readonly of: string }

const MOST_FIELDS = 50
const LARGEST_BYTES = 64 * 1024
// What stands in the log may be of anybody's making; a name or hash that PostgreSQL refuses as text would stop every reader.
const NAME = /^[A-Z][A-Z0-9_]{0,99}$/
const STATE = /^\w{1,100}$/
// By these a deal is found again; a write that changed them would lead to a second deal (guarantee G3).
const NEVER = ['ID', 'ORIGINATOR_ID', 'ORIGIN_ID']

/** Why these fields cannot be an edit where a mapping writes `written`; one plain sentence per mistake. */
export function mistakesOfEdit (fields: EditedFields, written: readonly string[]): string[] {
  const names = Object.keys(fields)
  return [
    ...mistakesOfSize(fields),
    ...names.filter(name => NEVER.includes(name)).map(name => `${name} is how dealbridge finds its deals and is never edited`),
    ...names.filter(name => !NEVER.includes(name) && !written.includes(name)).map(name => `the mapping writes no ${name}; it writes ${written.join(', ')}`),
    ...fields['STAGE_ID'] === '' ? ['STAGE_ID needs a stage; a deal has no empty one'] : []
  ]
}

/** The edit that a signal of the log carries; null for a text that is none. Never throws: every reader of the log meets it. */
export function readEdit (text: string, of: string): Edit | null {
  const fields = parsed(text)
  if (fields === null || !STATE.test(of) || mistakesOfSize(fields).length > 0) return null
  return Object.keys(fields).every(name => NAME.test(name) && !NEVER.includes(name)) ? { fields, of } : null
}

/** The fields of an edit that count for a source state: those that the mapping still writes, none when the state is another. */
export function editedFor (edit: Edit | null | undefined, state: { readonly hash: string }, written: readonly string[]): EditedFields {
  if (edit === null || edit === undefined || edit.of !== state.hash) return {}
  return Object.fromEntries(Object.entries(edit.fields).filter(([name]) => written.includes(name)))
}

function mistakesOfSize (fields: EditedFields): string[] {
  const count = Object.keys(fields).length
  const bytes = new TextEncoder().encode(JSON.stringify(fields)).length
  return [
    ...count === 0 ? ['name at least one field'] : [],
    ...count > MOST_FIELDS ? [`an edit has at most ${MOST_FIELDS} fields, not ${count}`] : [],
    ...bytes > LARGEST_BYTES ? [`an edit has at most ${LARGEST_BYTES / 1024} KB, not ${Math.ceil(bytes / 1024)}`] : []
  ]
}

function parsed (text: string): EditedFields | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return Object.values(value).every(each => typeof each === 'string') ? value as EditedFields : null
  } catch {
    return null
  }
}
