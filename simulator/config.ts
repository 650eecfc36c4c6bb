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
  /** `event_handler_id` of the subscription; by its place in the list when absent. */
  id?: number
  /** The app that an `app` subscription belongs to; the first of `apps` when absent. */
  client_id?: string
}
/** An OAuth app. `handler` gets the install events; not `installed`, it gets no events and no tokens until `install-app`. */
export interface AppConfig {
  client_id: string
  client_secret: string
  redirect_uri: string
  handler?: string
  application_token?: string
  scope?: string[]
  installed?: boolean
  version?: number
}
/** A rule of a funnel: when a deal comes to `stage` (or is added, without a stage) a robot makes one save for each of `saves`. */
export interface RobotConfig { stage?: string, saves: Record<string, unknown>[] }
export interface UserConfig { ID: number, NAME?: string, LAST_NAME?: string, EMAIL?: string, ACTIVE?: boolean }
/** What public sources leave open; defaults are the documented or likelier side. */
export interface Switches {
  refused_calls_fill_bucket: boolean
  operating_floor_ms: number
  event_handler_id: boolean
  endpoints: boolean
  handler_timeout_ms: number
  /** `ts` of an event: when it was queued, or when it is sent. */
  ts: 'queued' | 'sent'
  /** Whose time a batch uses up: its commands', the method `batch`'s own, or both. */
  operating_of: 'nested' | 'batch' | 'both'
  /** Whether all webhooks and apps use up one operating time of a method, or each its own. */
  operating_shared: boolean
  /** Whether `result_time` of a batch carries the operating fields. */
  batch_operating_fields: boolean
  /** Whether a request that is cut at the time limit goes on to its end. */
  cut_commits: boolean
  /** How long a new deal is missing in lists; `get` finds it at once. */
  list_lag_ms: number
  /** First gap before the next call to a handler that was slow or failed; it doubles up to 64 times. 0: no gaps. */
  slow_gap_ms: number
  /** A handler slower than this counts as slow. */
  slow_handler_ms: number
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
  limits?: { per_second?: number, burst?: number, operating_seconds?: number, request_seconds?: number }
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
  apps?: AppConfig[]
  robots?: RobotConfig[]
  /** Scopes of the incoming webhook. */
  scope?: string[]
  /** Authorization server, as `server_domain` and `server_endpoint` name it; every portal answers `/oauth/token/` itself. */
  auth_server?: string
  switches?: Partial<Switches>
}
export interface SimulatorConfig { control_port?: number, journal?: string, state_file?: string, seed?: number, portals: PortalConfig[] }

/** A portal's configuration with every default filled in. */
export interface PortalSettings extends Required<Omit<PortalConfig, 'limits' | 'funnels' | 'switches'>> {
  limits: { per_second: number, burst: number, operating_seconds: number, request_seconds: number }
  funnels: { id: number, name: string, stages: string[] }[]
  switches: Switches
}

const stages = ['NEW', 'PREPARATION', 'PREPAYMENT_INVOICE', 'PREPAYMENT', 'EXECUTING', 'FINAL_INVOICE', 'FINAL', 'WON', 'LOSE', 'APOLOGY']
const switches: Switches = {
  refused_calls_fill_bucket: false, operating_floor_ms: 0, event_handler_id: true, endpoints: true, handler_timeout_ms: 30_000, ts: 'sent',
  operating_of: 'nested', operating_shared: false, batch_operating_fields: true, cut_commits: true, list_lag_ms: 0, slow_gap_ms: 0, slow_handler_ms: 5000,
  rows_fire_update: true, binding_fires_update: false, import_fires_add: true, merge_fires_events: true, empty_old_update_saves: false, old_boolean: 'YN'
}
const hash = (text: string): string => createHash('md5').update(text).digest('hex')

/** Fills the defaults. Throws on a configuration that cannot be played. */
export function settle (config: PortalConfig): PortalSettings {
  if (!/^[\w-]+$/.test(config.name)) throw new Error(`portal name ${JSON.stringify(config.name)}: letters, digits, _ and - only`)
  const zone = config.zone ?? '+03:00'
  if (!/^[+-]\d\d:\d\d$/.test(zone)) throw new Error(`zone of ${config.name} must look like +03:00`)
  const userId = config.user_id ?? 1
  return {
    port: 0, latency_ms: 0, command_ms: 0, first_id: 1, webhooks: [], apps: [], robots: [],
    scope: ['crm', 'user'], auth_server: 'oauth.bitrix24.tech',
    currencies: ['RUB', 'USD', 'EUR'], types: ['SALE', 'COMPLEX', 'GOODS', 'SERVICES'],
    sources: ['CALL', 'EMAIL', 'WEB', 'ADVERTISING', 'PARTNER', 'OTHER'], smart_processes: [],
    users: [{ ID: userId, NAME: 'Integration', LAST_NAME: 'User', EMAIL: `user${userId}@${config.name}.example`, ACTIVE: true }],
    ...config,
    zone, user_id: userId,
    domain: config.domain ?? `${config.name}.bitrix24.ru`,
    member_id: config.member_id ?? hash(`member ${config.name}`),
    secret: config.secret ?? hash(`secret ${config.name}`).slice(0, 16),
    custom_fields: optionsWithIds(config.custom_fields ?? [], config.first_id ?? 1),
    limits: { per_second: 2, burst: 50, operating_seconds: 480, request_seconds: 60, ...config.limits },
    funnels: (config.funnels ?? [{ id: 0 }]).map(funnel => settleFunnel(funnel)),
    switches: { ...switches, ...config.switches }
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
