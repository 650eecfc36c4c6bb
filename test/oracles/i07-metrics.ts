import type { Evidence, Finding } from '../rig/evidence.ts'

const ENDS = ['applied', 'unchanged', 'superseded', 'skipped', 'parked'] as const

/**
 * I7 by the metrics: the projector's `dealbridge_signals` says for each portal that its signals are the open ones and their ends, and
 * when nothing is open, the same as SQL over the read models and as the log. Not asked while the metrics could not be read.
 */
export function metricsAgree ({ metrics, tables, log }: Pick<Evidence, 'metrics' | 'tables' | 'log'>): Finding[] {
  if (metrics === null) return []
  const told = readSignals(metrics)
  const portals = new Set([...told.keys(), ...tables.deals.map(row => row.portal)])
  return [...portals].flatMap((portal) => {
    const own = told.get(portal) ?? new Map<string, number>()
    const rows = tables.deals.filter(row => row.portal === portal)
    const sql = Object.fromEntries([...ENDS, 'open' as const].map(what => [what, rows.reduce((sum, row) => sum + Number(row[what]), 0)]))
    const value = (what: string): number => own.get(what) ?? 0
    const ended = ENDS.reduce((sum, what) => sum + value(what), 0)
    return [
      ...value('signals') === value('open') + ended ? [] : [finding(portal, `${value('signals')} signals are not ${value('open')} open and ${ended} ended, by the metrics`)],
      ...[...ENDS, 'open'].filter(what => value(what) !== sql[what]).map(what => finding(portal, `the metrics say ${value(what)} ${what}, SQL says ${sql[what] ?? 0}`)),
      ...countOf(log, portal) === value('signals') ? [] : [finding(portal, `the metrics say ${value('signals')} signals, the log has ${countOf(log, portal)}`)]
    ]
  })
}

/** The values of `dealbridge_signals` by portal and by what. */
function readSignals (text: string): Map<string, Map<string, number>> {
  const found = new Map<string, Map<string, number>>()
  for (const [, portal = '', what = '', value = ''] of text.matchAll(/^dealbridge_signals\{portal="([^"]*)",what="([^"]*)"\} (\S+)$/gm)) {
    found.set(portal, (found.get(portal) ?? new Map<string, number>()).set(what, Number(value)))
  }
  return found
}

function countOf ({ signals }: Pick<Evidence['log'], 'signals'>, portal: string): number {
  return signals.filter(signal => signal.portal === portal).length
}

function finding (about: string, what: string): Finding {
  return { invariant: 'I7', about, what }
}
