import { Counter, Gauge, Histogram } from '../platform/metrics.ts'
import type { Registry } from '../platform/metrics.ts'

/** What the sweep counts; `portal` labels are configured names alone. `api_request_duration_seconds` is the specification's name. */
export interface SweepTelemetry {
  readonly passes: Counter<'portal' | 'result'>
  readonly listed: Counter<'portal'>
  readonly signals: Counter<'portal' | 'kind'>
  readonly requests: Counter<'portal'>
  readonly age: Gauge<'portal'>
  readonly full: Gauge<'portal' | 'deals'>
  readonly eta: Gauge<'portal'>
  readonly absent: Gauge<'portal'>
  readonly apiSeconds: Histogram<'method' | 'portal' | 'outcome'>
}

export function createSweepTelemetry (registry: Registry): SweepTelemetry {
  const registers = [registry]
  return {
    passes: new Counter({ name: 'dealbridge_sweep_passes_total', help: 'passes over a source portal, by result: done, failed or lost', labelNames: ['portal', 'result'], registers }),
    listed: new Counter({ name: 'dealbridge_sweep_listed_total', help: 'deals that the portals listed, as changed or in the full pass', labelNames: ['portal'], registers }),
    signals: new Counter({ name: 'dealbridge_sweep_signals_total', help: 'signals of changes whose webhook never came, by kind', labelNames: ['portal', 'kind'], registers }),
    requests: new Counter({ name: 'dealbridge_sweep_requests_total', help: 'requests of the sweep to a portal', labelNames: ['portal'], registers }),
    age: new Gauge({ name: 'dealbridge_sweep_last_pass_timestamp_seconds', help: 'when this process last ended a whole pass over the portal (Unix time)', labelNames: ['portal'], registers }),
    full: new Gauge({ name: 'dealbridge_sweep_full_pass_deals', help: 'deals of the full pass that runs or ran last: total (what it will list), listed, signalled (into the backfill) and ended (of these)', labelNames: ['portal', 'deals'], registers }),
    eta: new Gauge({ name: 'dealbridge_sweep_full_pass_eta_seconds', help: 'when the full pass and its backfill will be over, as it goes now; 0 when they are, NaN when nobody can tell', labelNames: ['portal'], registers }),
    absent: new Gauge({ name: 'dealbridge_sweep_absent_deals', help: 'deals that the last full pass missed and that are too many to be deletions; none of them was signalled', labelNames: ['portal'], registers }),
    apiSeconds: new Histogram({ name: 'api_request_duration_seconds', help: 'requests to portals, by method', labelNames: ['method', 'portal', 'outcome'], buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65], registers })
  }
}
