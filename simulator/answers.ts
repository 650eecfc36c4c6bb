import type { FaultSpec } from './faults.ts'

/** How an answer goes out. `error` is the code that the journal keeps. */
export interface Out {
  send: (status: number, content: unknown, extra?: { type?: string, error?: string, headers?: Record<string, string> }) => void
  refuse: (status: number, error: string, description: string) => void
  /** The first half now, the rest after a while. */
  dribble: (content: unknown, ms: number) => Promise<void>
}

const html = { type: 'text/html' }
export const gateway = (out: Out, status: number): void => out.send(status, `<html><body>${status} Bad gateway</body></html>`, { ...html, error: `HTTP ${status}` })

/** Refusals of the credential, its rights or the portal, before anything is done. */
export function refuseAuth (fault: FaultSpec, out: Out, path: string): void {
  switch (fault.mode) {
    case 'expired_token': return out.refuse(401, 'expired_token', 'The access token provided has expired.')
    case 'invalid_credentials': return out.refuse(403, 'INVALID_CREDENTIALS', 'Invalid request credentials')
    case 'insufficient_scope': return out.refuse(403, 'insufficient_scope', 'The request requires higher privileges than provided by the access token')
    case 'plan_ended': return out.refuse(403, 'ACCESS_DENIED', 'REST API is available only on commercial plans')
    case 'portal_deleted': return out.refuse(403, 'PORTAL_DELETED', 'Portal was deleted')
    case 'redirect': return out.send(302, '<html></html>', { ...html, headers: { location: `${fault.to ?? 'https://renamed.bitrix24.ru'}${path}` } })
    default: return out.refuse(401, 'NO_AUTH_FOUND', 'Wrong authorization data')
  }
}

/** Faults that answer without doing anything; false when the fault is not one of them. `none` never answers. */
export function refuseAnswer (fault: FaultSpec, out: Out): boolean {
  switch (fault.mode) {
    case '503': out.refuse(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests'); return true
    case '429': out.refuse(429, 'OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit.'); return true
    case '500': out.refuse(500, 'INTERNAL_SERVER_ERROR', 'Internal server error'); return true
    case '502': case '504': case '413': gateway(out, Number(fault.mode)); return true
    case 'none': return true
    default: return false
  }
}

/** The effect is done and an error is answered. */
export function refuseDone (fault: FaultSpec, out: Out): void {
  if (fault.status === 502 || fault.status === 504) return gateway(out, fault.status)
  out.refuse(500, 'INTERNAL_SERVER_ERROR', 'Internal server error')
}

/** Faults that spoil a good answer. */
export async function spoilAnswer (fault: FaultSpec, content: unknown, { out, pause }: { out: Out, pause: (ms: number) => Promise<void> }): Promise<void> {
  const text = JSON.stringify(content)
  if (fault.mode === 'html200') return out.send(200, '<html><body>Сервис недоступен</body></html>', html)
  if (fault.mode === 'malformed') return out.send(200, `${text}}`)
  if (fault.mode === 'truncated') return out.send(200, text.slice(0, text.length / 2))
  if (fault.mode === 'empty') return out.send(200, '')
  if (fault.mode === 'slow_body') return await out.dribble(content, fault.ms ?? 1000)
  if (fault.mode === 'slow') await pause(fault.ms ?? 1000)
  out.send(200, content)
}
