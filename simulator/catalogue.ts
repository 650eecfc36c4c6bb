import type { PortalSettings } from './config.ts'
import type { Page, Params } from './items.ts'

/** Funnels, stages, currencies, users: what a portal tells about itself. */
export function catalogueMethods (settings: PortalSettings): Record<string, (params: Params) => Page> {
  const users = settings.users.map(user => ({ ACTIVE: true, ...user, ID: String(user.ID) }))
  return {
    'crm.category.list': () => ({ result: { categories: settings.funnels.map((funnel, i) => ({ id: funnel.id, name: funnel.name, sort: (i + 1) * 100, entityTypeId: 2, isDefault: funnel.id === 0 ? 'Y' : 'N', originId: '', originatorId: '' })) }, total: settings.funnels.length }),
    'crm.status.list': (params) => {
      const wanted = (params['filter'] as { ENTITY_ID?: string } | undefined)?.ENTITY_ID
      const rows = settings.funnels.flatMap(funnel => funnel.stages.map((stage, i) => {
        const bare = stage.replace(/^C\d+:/, '')
        const semantics = bare === 'WON' ? 'S' : bare === 'LOSE' || bare === 'APOLOGY' ? 'F' : ''
        return { ID: String(funnel.id * 100 + i), ENTITY_ID: funnel.id === 0 ? 'DEAL_STAGE' : `DEAL_STAGE_${funnel.id}`, STATUS_ID: stage, NAME: bare, SORT: String((i + 1) * 10), SYSTEM: 'Y', CATEGORY_ID: String(funnel.id), SEMANTICS: semantics }
      })).filter(row => wanted === undefined || row.ENTITY_ID === wanted)
      return { result: rows, total: rows.length }
    },
    'crm.currency.list': () => ({ result: settings.currencies.map((currency, i) => ({ CURRENCY: currency, AMOUNT: '1.0000', BASE: i === 0 ? 'Y' : 'N' })), total: 0 }),
    'user.get': () => ({ result: users, total: users.length }),
    'user.current': () => ({ result: users.find(user => user.ID === String(settings.user_id)) ?? users[0] })
  }
}
