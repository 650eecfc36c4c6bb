import type { Acting } from './acting.ts'
import type { App, Apps } from './apps.ts'
import type { Bindings } from './bindings.ts'
import type { PortalSettings, WebhookConfig } from './config.ts'
import type { AppAuth, Message, Subscription } from './event-body.ts'
import { APP_ONLY, eventOf } from './event-names.ts'
import type { Journal } from './journal.ts'
import { scopeOf } from './oauth.ts'
import type { OAuth } from './oauth.ts'
import type { Offline } from './offline.ts'
import type { Outbox } from './outbox.ts'
import type { Saved } from './store.ts'

/** From a save, or an app's life, to those who want to hear of it. */
export interface Events {
  saved: (saved: Saved) => void
  /** Tells the subscribers of an event that no save made. */
  raise: (event: string, data: Record<string, unknown>, document?: Message['document']) => void
  /** Tells an app's handlers of `ONAPPTEST`. */
  test: (clientId: string, event: string, data: Record<string, unknown>) => void
  /** Tells the app's own handler of its installation, update or removal. */
  life: (app: App, event: string, data: Record<string, unknown>) => void
  setWebhooks: (webhooks: WebhookConfig[]) => void
}
export interface EventsDeps { readonly outbox: Outbox, readonly bindings: Bindings, readonly offline: Offline, readonly apps: Apps, readonly acting: Acting, readonly journal: Journal, readonly now: () => number }

export function createEvents (settings: PortalSettings, deps: EventsDeps): Events {
  const { outbox, bindings, offline, apps, acting, journal, now } = deps
  let webhooks = settings.webhooks

  /** Who hears of an event. A webhook without a list takes every event of a deal that its kind can have. */
  function subscribers (event: string): Subscription[] {
    const own = webhooks.map((webhook, i): Subscription & { events: readonly string[] | undefined } => ({ id: i + 1, ...webhook, events: webhook.events, clientId: webhook.client_id ?? settings.apps[0]?.client_id }))
    const wants = (webhook: Subscription & { events: readonly string[] | undefined }): boolean => webhook.kind !== 'app' && APP_ONLY.includes(event) ? false : webhook.events?.includes(event) ?? event.startsWith('ONCRMDEAL')
    const bound = bindings.all().filter(binding => !binding.offline && binding.event === event && apps.find(binding.clientId)?.installed === true)
    return [...own.filter(wants), ...bound.map(({ id, handler, clientId }): Subscription => ({ url: handler, kind: 'app', id, clientId, application_token: apps.find(clientId)?.application_token }))]
  }

  function spread (message: Message, to: Subscription[]): void {
    for (const subscription of to) outbox.tell(subscription, message)
    offline.record(message.event, message.data, acting.current())
  }

  const byUser = (): { userId?: number } => acting.current().by === 'robot' ? {} : { userId: acting.current().userId }

  return {
    saved: ({ type, id, kind, record, changed, silent }) => {
      const event = eventOf(type, kind)
      const actor = acting.current()
      const isSilent = silent === true || actor.silent === true
      const to = isSilent ? [] : subscribers(event)
      const save = journal.write(settings.name, {
        kind: 'save', event: kind, type, ...(type === 2 ? { dealId: id } : { recordId: id }), changed, by: actor.by, subscriptions: to.length,
        ...(actor.request === undefined ? {} : { request: actor.request }), ...(actor.command === undefined ? {} : { command: actor.command })
      })
      if (isSilent) return
      const moved = kind === 'moved' ? { CATEGORY_ID: record['CATEGORY_ID'], STAGE_ID: record['STAGE_ID'] } : {}
      spread({ event, data: { FIELDS: { ID: String(id), ...moved } }, document: { type, id }, save, queuedAt: now(), ...byUser() }, to)
    },
    raise: (event, data, document) => { spread({ event, data, queuedAt: now(), ...(document === undefined ? {} : { document }), ...byUser() }, subscribers(event)) },
    test: (clientId, event, data) => {
      for (const subscription of subscribers(event).filter(one => one.clientId === clientId)) outbox.tell(subscription, { event, data, queuedAt: now(), ...byUser() })
    },
    life: (app, event, data) => {
      const { handler, client_id: clientId } = app.config
      if (handler === undefined) return
      outbox.tell({ url: handler, kind: 'app', clientId, application_token: app.application_token }, { event, data, queuedAt: now(), userId: settings.user_id })
    },
    setWebhooks: (next) => { webhooks = next }
  }
}

/** Tokens in a call to an app: when a user acted and the app stands on the portal; both of the pair in install and test events. */
export function tokensFor (deps: { apps: Apps, oauth: OAuth }, subscription: Subscription, message: Message): AppAuth | undefined {
  if (subscription.kind !== 'app' || message.userId === undefined || message.event === 'ONAPPUNINSTALL') return undefined
  const app = subscription.clientId === undefined ? undefined : deps.apps.find(subscription.clientId)
  if (app?.installed !== true) return undefined
  const { access_token, refresh_token, until } = deps.oauth.issue(app.config.client_id, message.userId)
  const pair = ['ONAPPINSTALL', 'ONAPPUPDATE', 'ONAPPTEST', 'ONOFFLINEEVENT'].includes(message.event) ? { refresh_token } : {}
  return { access_token, until, scope: scopeOf(app), userId: message.userId, ...pair }
}
