import { readCommand } from './batch.ts'
import type { Page, Params } from './params.ts'
import type { JournalTarget } from './journal.ts'
import { asText } from './text.ts'

/** What a command is about, as the journal names it; `page` is its answer, which tells the id of what was added. */
export function targetOf (method: string, params: Params, page?: Page): JournalTarget {
  const fields = (params['fields'] ?? params['FIELDS'] ?? {}) as Record<string, unknown>
  // Both families: camelCase in the universal one, capitals in the old one, whose add answers the id alone.
  const originator = asText(fields['originatorId'] ?? fields['ORIGINATOR_ID'])
  const origin = asText(fields['originId'] ?? fields['ORIGIN_ID'])
  const type = typeOf(method, params)
  const added = typeof page?.result === 'number' ? page.result : (page?.result as { item?: { id?: number } } | undefined)?.item?.id
  const id = added ?? givenId(params)
  return {
    method,
    ...(type === undefined ? {} : { type }),
    ...(id === undefined || Number.isNaN(id) ? {} : type === 2 ? { dealId: id } : { recordId: id }),
    ...(originator === '' ? {} : { originatorId: originator }),
    ...(origin === '' ? {} : { originId: origin })
  }
}

/** The targets of a request: of the method itself, or of each command of a batch. */
export function targetsOf (method: string, params: Params): JournalTarget[] {
  if (method !== 'batch') return [targetOf(method, params)]
  return commandTexts(params).map(([command, text]) => {
    const parsed = readCommand(text)
    return { command, ...targetOf(parsed.method.toLowerCase(), parsed.params) }
  })
}

/** Keys and texts of a batch's commands. */
export function commandTexts (params: Params): [string, string][] {
  const cmd = params['cmd']
  return Object.entries(typeof cmd === 'object' && cmd !== null ? cmd as Record<string, unknown> : {}).map(([key, text]) => [key, asText(text)])
}

function givenId (params: Params): number | undefined {
  const id = params['id'] ?? params['ID'] ?? params['ownerId']
  return id === undefined ? undefined : Number(id)
}

function typeOf (method: string, params: Params): number | undefined {
  if (params['entityTypeId'] !== undefined) return Number(params['entityTypeId'])
  const family = /^crm\.(deal|contact|company)\./.exec(method)?.[1]
  if (family !== undefined) return { deal: 2, contact: 3, company: 4 }[family]
  return params['ownerType'] === 'D' ? 2 : undefined
}
