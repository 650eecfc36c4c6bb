import type { FastifyInstance } from 'fastify'
import { readFilters } from '../filters.ts'
import { Problem } from '../problem.ts'
import type { RouteContext } from './context.ts'

const EVERY_MS = 1000
const SILENCE_MS = 15_000
const MOST_STREAMS = 500

/**
 * `/v1/events`: server-sent events. Sends `event: summary` at once and then whenever it changed, looked at each second;
 * a comment line every 15 s keeps proxies from closing a quiet stream. Ends all streams when the server closes.
 */
export function eventRoutes (app: FastifyInstance, { callerOf, summary }: RouteContext): void {
  const streams = new Set<() => void>()
  app.addHook('preClose', (done) => {
    for (const end of streams) end()
    done()
  })

  app.get('/v1/events', (request, reply) => {
    readFilters({}, request.query)
    if (streams.size >= MOST_STREAMS) throw new Problem(503, 'Too many streams', `At most ${MOST_STREAMS} streams are open at once; ask /v1/summary instead.`)
    const { portal } = callerOf(request)
    reply.hijack()
    const out = reply.raw
    out.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    let sent = ''
    let silentMs = 0
    let isBusy = false
    async function look (): Promise<void> {
      // A reader that does not keep up gets the newest state later and never a queue of old ones.
      if (isBusy || out.writableNeedDrain) return
      isBusy = true
      const text = await summary(portal).then(value => JSON.stringify(value), () => sent)
      isBusy = false
      silentMs += EVERY_MS
      if (out.writableEnded || (text === sent && silentMs < SILENCE_MS)) return
      out.write(text === sent ? ': still here\n\n' : `event: summary\ndata: ${text}\n\n`)
      sent = text
      silentMs = 0
    }
    const timer = setInterval(() => { void look() }, EVERY_MS)
    const end = (): void => { clearInterval(timer); streams.delete(end); out.end() }
    streams.add(end)
    out.on('close', end).on('error', end)
    void look()
  })
}
