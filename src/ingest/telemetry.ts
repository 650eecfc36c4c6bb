import { Counter, Gauge, Histogram } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'
import type { Claims } from './claims.ts'
import { LATE, within } from './deadline.ts'

export type Status = 'success' | 'skipped' | 'duplicate'
export type ErrorType = 'validation' | 'authentication' | 'too_large' | 'media_type' | 'unavailable' | 'internal'

/** What the rest of the room says about itself; the metric names are those of the specification (6.2). */
export interface Telemetry {
  received (domain: string | null): void
  processed (status: Status, durationMs: number): void
  failed (type: ErrorType): void
  connected (): void
  disconnected (): void
}

/**
 * Registers the metrics of ingest.
 *
 * The `domain` label carries configured domains alone, everything else is `other`: a stranger must not be able to make
 * series. `redis_memory_usage_bytes` is asked on each scrape for at most 300 ms and else keeps its last value.
 */
export function createTelemetry (options: { registry: Registry, domains: Iterable<string>, claims: Claims | null }): Telemetry {
  const { registry, claims } = options
  const registers = [registry]
  const receivedTotal = new Counter({ name: 'webhook_received_total', help: 'Webhooks that arrived, by the domain they name.', labelNames: ['domain'], registers })
  const processedTotal = new Counter({ name: 'webhook_processed_total', help: 'Webhooks answered with 200, by status.', labelNames: ['status'], registers })
  const errorsTotal = new Counter({ name: 'webhook_errors_total', help: 'Webhooks that were refused, by kind of error.', labelNames: ['error_type'], registers })
  const duration = new Histogram({
    name: 'webhook_processing_duration_seconds',
    help: 'Seconds from the arrival of a webhook to its answer.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 10, 60],
    registers
  })
  const connections = new Gauge({ name: 'active_connections', help: 'Open connections.', labelNames: ['service'], registers })
  let memoryBytes: number | null = null
  new Gauge({
    name: 'redis_memory_usage_bytes',
    help: 'Memory that Redis says it uses; the last known value.',
    registers,
    async collect () {
      const answer = claims === null ? LATE : await within(300, claims.memoryBytes()).catch((): typeof LATE => LATE)
      if (answer !== LATE) memoryBytes = answer
      if (memoryBytes !== null) this.set(memoryBytes)
    }
  })
  // The children are looked up once: finding one by its labels costs more than counting.
  const byDomain = new Map([...options.domains].map(domain => [domain, receivedTotal.labels(domain)]))
  const other = receivedTotal.labels('other')
  const byStatus = { success: processedTotal.labels('success'), skipped: processedTotal.labels('skipped'), duplicate: processedTotal.labels('duplicate') }
  const service = connections.labels('webhook_handler')
  service.set(0)
  return {
    received (domain) { (domain === null ? other : byDomain.get(domain) ?? other).inc() },
    processed (status, durationMs) { byStatus[status].inc(); duration.observe(durationMs / 1000) },
    failed (type) { errorsTotal.labels(type).inc() },
    connected () { service.inc() },
    disconnected () { service.dec() }
  }
}
