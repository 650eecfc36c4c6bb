import type { PortalSettings } from './config.ts'
import { semanticsOf } from './deal-rules.ts'
import { asMap } from './params.ts'
import type { Methods, Record_ } from './params.ts'

const KINDS = { P: ['', 'process', '#39A8EF'], S: ['S', 'success', '#7BD500'], F: ['F', 'failure', '#FF5752'] } as const

/** Funnels, stages, statuses and currencies: what a portal tells about itself. */
export function catalogueMethods (settings: PortalSettings): Methods {
  return {
    'crm.category.list': () => ({ result: { categories: settings.funnels.map((funnel, i) => ({ id: funnel.id, name: funnel.name, sort: (i + 1) * 100, entityTypeId: 2, isDefault: funnel.id === 0 ? 'Y' : 'N', originId: '', originatorId: '' })) }, total: settings.funnels.length }),
    'crm.status.list': (params) => {
      const wanted = Object.entries(asMap(params['filter']))
      const rows = [...settings.funnels.flatMap(stages), ...statuses('DEAL_TYPE', settings.types, 10_000), ...statuses('SOURCE', settings.sources, 20_000)]
        .filter(row => wanted.every(([name, value]) => !Object.hasOwn(row, name) || row[name] === value))
      return { result: rows, total: rows.length }
    },
    'crm.currency.list': () => ({ result: settings.currencies.map((currency, i) => ({ CURRENCY: currency, AMOUNT: '1.0000', AMOUNT_CNT: '1', BASE: i === 0 ? 'Y' : 'N', SORT: String((i + 1) * 100) })), total: 0 })
  }
}

function stages (funnel: PortalSettings['funnels'][number]): Record_[] {
  return funnel.stages.map((stage, i) => {
    const bare = stage.replace(/^C\d+:/, '')
    const [semantics, kind, color] = KINDS[semanticsOf(stage)]
    return {
      ID: String(funnel.id * 100 + i), ENTITY_ID: funnel.id === 0 ? 'DEAL_STAGE' : `DEAL_STAGE_${funnel.id}`, STATUS_ID: stage, NAME: bare, NAME_INIT: '', SORT: String((i + 1) * 10),
      SYSTEM: bare.startsWith('UC_') ? 'N' : 'Y', CATEGORY_ID: String(funnel.id), COLOR: color, SEMANTICS: semantics, EXTRA: { SEMANTICS: bare === 'APOLOGY' ? 'apology' : kind, COLOR: color }
    }
  })
}

const statuses = (entity: string, ids: string[], firstId: number): Record_[] =>
  ids.map((id, i) => ({ ID: String(firstId + i), ENTITY_ID: entity, STATUS_ID: id, NAME: id, NAME_INIT: '', SORT: String((i + 1) * 10), SYSTEM: 'N', CATEGORY_ID: null, COLOR: null, SEMANTICS: null }))
