import type { Telemetry } from './telemetry.ts'

/** A connection, as far as it is needed to say a last word on it. */
interface Line { readonly writable: boolean, readonly destroyed: boolean, write (text: string): void, destroy (error?: Error): void }

const TITLES = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' } as const

/**
 * Answers what is no HTTP request (400), has more than 16 KB of headers (431) or was not sent whole within 10 s (408):
 * a problem document like every other, and the connection ends. Nothing of the request is known, so nothing of it is said.
 */
export function answerBroken (error: Error & { code?: string }, line: Line, telemetry: Pick<Telemetry, 'failed'>): void {
  if (error.code === 'ECONNRESET' || line.destroyed) return
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  telemetry.failed('validation')
  const body = JSON.stringify({ type: 'about:blank', title: TITLES[status], status })
  if (line.writable) line.write(`HTTP/1.1 ${status} ${TITLES[status]}\r\nconnection: close\r\ncontent-type: application/problem+json; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  line.destroy(error)
}
