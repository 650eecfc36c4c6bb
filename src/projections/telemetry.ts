import { now } from '../platform/clock.ts'
import { Counter, Gauge } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'

export interface Telemetry {
  /** `lastOccurredAt` (ms) of the newest record that was applied, or null when the chunk had none. */
  projected (topic: string, records: number, lastOccurredAt: number | null): void
  gap (topic: string): void
  failed (): void
}

/** The room's metrics. The clock is read here alone: it feeds a gauge and never a row. */
export function createTelemetry (registry: Registry): Telemetry {
  const registers = [registry]
  const projected = new Counter({ name: 'dealbridge_projected_total', help: 'Records that are in the read models', labelNames: ['topic'], registers })
  const lag = new Gauge({ name: 'dealbridge_projection_lag_seconds', help: 'Age of the record that was applied last, at that moment', labelNames: ['topic'], registers })
  const gaps = new Counter({ name: 'dealbridge_projection_gap_total', help: 'Batches that began beyond the checkpoint; alarm when it keeps rising', labelNames: ['topic'], registers })
  const failures = new Counter({ name: 'dealbridge_projection_failures_total', help: 'Chunks that were rolled back and come again', registers })
  return {
    projected (topic, records, lastOccurredAt) {
      projected.inc({ topic }, records)
      if (lastOccurredAt !== null) lag.set({ topic }, Math.max(0, (now() - lastOccurredAt) / 1000))
    },
    gap (topic) { gaps.inc({ topic }) },
    failed () { failures.inc() }
  }
}
