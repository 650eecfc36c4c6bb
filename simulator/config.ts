import { createHash } from 'node:crypto'

/** Types of custom fields, as `crm.item.fields` names them. */
export type CustomFieldType = 'string' | 'url' | 'integer' | 'double' | 'boolean' | 'date' | 'datetime' | 'enumeration'
  | 'crm_status' | 'money' | 'address' | 'employee' | 'crm' | 'file'

export interface CustomFieldConfig {
  name: string
  /** Whose field it is; a deal's when absent. */
  entity?: 'deal' | 'contact' | 'company'
  type: CustomFieldType
  multiple?: boolean
  mandatory?: boolean
  title?: string
  /** Options of an enumeration; ids are handed out from the portal's `first_id` when absent. */
  list?: { ID?: number, VALUE: string, XML_ID?: string }[]
}
export interface FunnelConfig { id: number, name?: string, stages?: string[] }
export interface WebhookConfig {
  url: string
  kind: 'ui' | 'app' | 'robot'
  application_token?: string
  events?: string[]
  /** `event_handler_id` of the subscription. */
  id?: number
}
export interface UserConfig { ID: number, NAME?: string, LAST_NAME?: string, EMAIL?: string, ACTIVE?: boolean }
/** What public sources leave open; defaults are the documented or likelier side. */
export interface Switches {
  refused_calls_fill_bucket: boolean
  operating_floor_ms: number
  event_handler_id: boolean
  endpoints: boolean
  handler_timeout_ms: number
  /** Does `…productrow(s).set`, a change of a deal's contacts, an import and a merge send events? */
  rows_fire_update: boolean
  binding_fires_update: boolean
  import_fires_add: boolean
  merge_fires_events: boolean
  /** Does `crm.deal.update` without a change save, with a new DATE_MODIFY and an event? */
  empty_old_update_saves: boolean
  /** How the old family shows a custom boolean. */
  old_boolean: 'YN' | '10'
}
export interface PortalConfig {
  name: string
  port?: number
  domain?: string
  member_id?: string
  user_id?: number
  secret?: string
  zone?: string
  latency_ms?: number
  command_ms?: number
  limits?: { per_second?: number, burst?: number, operating_seconds?: number }
  first_id?: number
  funnels?: FunnelConfig[]
  custom_fields?: CustomFieldConfig[]
  currencies?: string[]
  types?: string[]
  sources?: string[]
  /** entityTypeIds of smart processes that deals, contacts and companies may hang on. */
  smart_processes?: number[]
  users?: UserConfig[]
  webhooks?: WebhookConfig[]
  switches?: Partial<Switches>
}
export interface SimulatorConfig { control_port?: number, journal?: string, state_file?: string, seed?: number, portals: PortalConfig[] }

/** A portal's configuration with every default filled in. */
export interface PortalSettings extends Required<Omit<PortalConfig, 'limits' | 'funnels' | 'switches'>> {
  limits: { per_second: number, burst: number, operating_seconds: number }
  funnels: { id: number, name: string, stages: string[] }[]
  switches: Switches
}

const stages = ['NEW', 'PREPARATION', 'PREPAYMENT_INVOICE', 'PREPAYMENT', 'EXECUTING', 'FINAL_INVOICE', 'FINAL', 'WON', 'LOSE', 'APOLOGY']
const hash = (text: string): string => createHash('md5').update(text).digest('hex')

/** Fills the defaults. Throws on a configuration that cannot be played. */
export function settle (config: PortalConfig): PortalSettings {
  if (!/^[\w-]+$/.test(config.name)) throw new Error(`portal name ${JSON.stringify(config.name)}: letters, digits, _ and - only`)
  const zone = config.zone ?? '+03:00'
  if (!/^[+-]\d\d:\d\d$/.test(zone)) throw new Error(`zone of ${config.name} must look like +03:00`)
  const userId = config.user_id ?? 1
  return {
    port: 0, latency_ms: 0, command_ms: 0, first_id: 1, webhooks: [],
    currencies: ['RUB', 'USD', 'EUR'], types: ['SALE', 'COMPLEX', 'GOODS', 'SERVICES'],
    sources: ['CALL', 'EMAIL', 'WEB', 'ADVERTISING', 'PARTNER', 'OTHER'], smart_processes: [],
    users: [{ ID: userId, NAME: 'Integration', LAST_NAME: 'User', EMAIL: `user${userId}@${config.name}.example`, ACTIVE: true }],
    ...config,
    zone, user_id: userId,
    domain: config.domain ?? `${config.name}.bitrix24.ru`,
    member_id: config.member_id ?? hash(`member ${config.name}`),
    secret: config.secret ?? hash(`secret ${config.name}`).slice(0, 16),
    custom_fields: optionsWithIds(config.custom_fields ?? [], config.first_id ?? 1),
    limits: { per_second: 2, burst: 50, operating_seconds: 480, ...config.limits },
    funnels: (config.funnels ?? [{ id: 0 }]).map(funnel => settleFunnel(funnel)),
    switches: {
      refused_calls_fill_bucket: false, operating_floor_ms: 0, event_handler_id: true, endpoints: true, handler_timeout_ms: 30_000,
      rows_fire_update: true, binding_fires_update: false, import_fires_add: true, merge_fires_events: true, empty_old_update_saves: false, old_boolean: 'YN',
      ...config.switches
    }
  }
}

function settleFunnel (funnel: FunnelConfig): { id: number, name: string, stages: string[] } {
  const prefix = funnel.id === 0 ? '' : `C${funnel.id}:`
  return {
    id: funnel.id,
    name: funnel.name ?? (funnel.id === 0 ? 'General' : `Funnel ${funnel.id}`),
    stages: (funnel.stages ?? stages).map(stage => stage.startsWith(prefix) ? stage : prefix + stage)
  }
}

function optionsWithIds (fields: CustomFieldConfig[], firstId: number): CustomFieldConfig[] {
  let next = firstId
  return fields.map(field => field.list === undefined
    ? field
    : { ...field, list: field.list.map(option => ({ ...option, ID: option.ID ?? next++ })) })
}
