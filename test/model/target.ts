import type { Command } from '../../src/bitrix24/batch.ts'
import type { Fate } from '../../src/bitrix24/response.ts'

/** A target deal. `words` are the values that stood in it, in order. */
export interface Copy { readonly id: string, readonly origin: string, value: string, alive: boolean, readonly words: string[] }

/** The target portal in memory. Every write takes effect at once; when that is, the play decides. */
export interface Target {
  readonly copies: readonly Copy[]
  /** Carries out one command and gives its fate. */
  apply (command: Command): Fate
  copyOf (origin: string): Copy | undefined
}

const missing: Fate = { kind: 'failed', failure: { class: 'missing', code: 'NOT_FOUND', detail: 'The target has no such deal.' } }
const ok = (result: unknown): Fate => ({ kind: 'ok', result, time: null })

/** The origin of a write or look-up's deal, as the command names it. */
export function originsOf ({ params }: Command): string[] {
  const fields = params['fields'] as { originId?: string } | undefined
  const filter = params['filter'] as { '@originId'?: string[] } | undefined
  return fields?.originId === undefined ? filter?.['@originId'] ?? [] : [fields.originId]
}

export const isWrite = ({ method }: Command): boolean => method === 'crm.item.add' || method === 'crm.item.update' || method === 'crm.item.delete'

export function createTarget (): Target {
  const copies: Copy[] = []
  const item = (copy: Copy): Readonly<Record<string, unknown>> => ({ id: Number(copy.id), title: copy.value, originatorId: 'dealbridge', originId: copy.origin, categoryId: 0, stageId: 'NEW' })
  const living = (id: unknown): Copy | undefined => copies.find(copy => copy.id === String(id) && copy.alive)

  function apply (command: Command): Fate {
    const { method, params } = command
    const fields = (params['fields'] ?? {}) as { title?: string }
    const [origin = ''] = originsOf(command)
    switch (method) {
      case 'crm.item.list': {
        const wanted = new Set(originsOf(command))
        return ok({ items: copies.filter(copy => copy.alive && wanted.has(copy.origin)).map(item) })
      }
      case 'crm.item.add': {
        const copy: Copy = { id: String(copies.length + 1), origin, value: fields.title ?? '', alive: true, words: [fields.title ?? ''] }
        copies.push(copy)
        return ok({ item: item(copy) })
      }
      case 'crm.item.get':
      case 'crm.item.update': {
        const copy = living(params['id'])
        if (copy === undefined) return missing
        if (method === 'crm.item.update' && fields.title !== undefined) {
          copy.value = fields.title
          copy.words.push(fields.title)
        }
        return ok({ item: item(copy) })
      }
      default: throw new Error(`the target in memory does not play ${method}`)
    }
  }

  return { copies, apply, copyOf: origin => copies.find(copy => copy.origin === origin && copy.alive) }
}
