import { Counter, Gauge, Histogram } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'

/** What the dispatcher counts. `api_request_duration_seconds` is the specification's name; its label is the method really called. */
export interface DispatcherTelemetry {
  readonly outcomes: Counter<'status'>
  readonly timeToLand: Histogram
  readonly apiSeconds: Histogram<'method' | 'portal' | 'outcome'>
  readonly zombies: Counter
  readonly unknown: Gauge
  readonly stopped: Gauge<'portal'>
  readonly failing: Gauge<'portal'>
  readonly duplicates: Gauge<'target'>
}

export function createDispatcherTelemetry (registry: Registry): DispatcherTelemetry {
  const registers = [registry]
  return {
    outcomes: new Counter({ name: 'dealbridge_transfers_total', help: 'outcomes told to the log, by status', labelNames: ['status'], registers }),
    timeToLand: new Histogram({ name: 'dealbridge_time_to_land_seconds', help: 'from the signal to the landed transfer', buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600], registers }),
    apiSeconds: new Histogram({ name: 'api_request_duration_seconds', help: 'requests to portals, by method', labelNames: ['method', 'portal', 'outcome'], buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65], registers }),
    zombies: new Counter({ name: 'dealbridge_attempts_gone_total', help: 'answered writes whose attempt had been settled by somebody else', registers }),
    unknown: new Gauge({ name: 'dealbridge_outcomes_unknown', help: 'writes without an answer that wait for their look-up', registers }),
    stopped: new Gauge({ name: 'dealbridge_portal_stopped', help: '1 while a portal refuses everything and is only probed', labelNames: ['portal'], registers }),
    failing: new Gauge({ name: 'dealbridge_portal_failing', help: '1 while a portal does not answer and its circuit is open', labelNames: ['portal'], registers }),
    duplicates: new Gauge({ name: 'dealbridge_duplicate_target_deals', help: 'deals, contacts and companies of ours that stood more than once in a target at the last scan', labelNames: ['target'], registers })
  }
}
