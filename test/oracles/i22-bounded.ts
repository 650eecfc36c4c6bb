import type { Evidence, Finding } from '../rig/evidence.ts'

/** Far above what a process needs, far below what a leak reaches in a night. */
const MOST_MB = 600
const MOST_DESCRIPTORS = 1000

/** I22, roughly: no process holds more memory or descriptors than this, and after the drain nothing lies in the spool. */
export function bounded ({ samples, spoolBytes }: Pick<Evidence, 'samples' | 'spoolBytes'>): Finding[] {
  const worst = [...Map.groupBy(samples, sample => sample.process)].map(([about, own]) => ({ about, rss: Math.max(...own.map(sample => sample.rssMb)), descriptors: Math.max(...own.map(sample => sample.descriptors)) }))
  return [
    ...worst.filter(({ rss }) => rss > MOST_MB).map(({ about, rss }) => ({ invariant: 'I22', about, what: `held ${Math.round(rss)} MB` })),
    ...worst.filter(({ descriptors }) => descriptors > MOST_DESCRIPTORS).map(({ about, descriptors }) => ({ invariant: 'I22', about, what: `held ${descriptors} descriptors` })),
    ...spoolBytes > 0 ? [{ invariant: 'I22', about: 'spool', what: `${spoolBytes} bytes lie in the spool after the drain` }] : []
  ]
}
