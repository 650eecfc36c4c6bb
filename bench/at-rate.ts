import http from 'node:http'
import { performance } from 'node:perf_hooks'

/**
 * Posts so many bodies a second whether or not earlier ones were answered; gives how long each waited, in ms, counted from the
 * moment it was due and not from when it was sent: a server that stands still is not spared the ones that pile up.
 */
export async function atRate (load: { url: string, perSecond: number, seconds: number, bodyOf: (id: number) => string }): Promise<{ sent: number, failed: number, p50Ms: number, p99Ms: number, slowestMs: number }> {
  const { url, perSecond, seconds, bodyOf } = load
  const agent = new http.Agent({ keepAlive: true, maxSockets: 200 })
  const waits: number[] = []
  const pending: Promise<void>[] = []
  let failed = 0
  const total = perSecond * seconds
  const begun = performance.now()
  const firstId = 1 + Math.floor(Math.random() * 1e9)

  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      for (let due = Math.min(total, Math.floor((performance.now() - begun) * perSecond / 1000)); pending.length < due;) {
        const dueAt = begun + (pending.length + 1) * 1000 / perSecond
        pending.push(post(agent, url, bodyOf(firstId + pending.length)).then((isGood) => {
          waits.push(performance.now() - dueAt)
          if (!isGood) failed += 1
        }))
      }
      if (pending.length < total) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  await Promise.all(pending)
  agent.destroy()
  const sorted = Float64Array.from(waits).sort()
  const share = (of: number): number => Math.round((sorted[Math.min(Math.floor(sorted.length * of), sorted.length - 1)] ?? 0) * 100) / 100
  return { sent: sorted.length, failed, p50Ms: share(0.5), p99Ms: share(0.99), slowestMs: share(1) }
}

function post (agent: http.Agent, url: string, body: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.request(url, { method: 'POST', agent, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode === 200))
    })
    request.once('error', () => resolve(false))
    request.end(body)
  })
}
