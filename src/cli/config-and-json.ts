import { parseArgs } from 'node:util'
import { messageOf } from '../platform/logger.ts'

/** What a command that only looks is told: the config file, and whether the result is one JSON object. */
export type ConfigAndJson =
  | { readonly kind: 'read', readonly config: string, readonly json: boolean }
  | { readonly kind: 'wrong', readonly mistake: string }
  | { readonly kind: 'help' }

/** Reads `--config F [--json] [--help]` and nothing else; any other word is a mistake. */
export function readConfigAndJson (args: string[]): ConfigAndJson {
  try {
    const { values } = parseArgs({ args, options: { config: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
    if (values.help === true) return { kind: 'help' }
    if (values.config === undefined) return { kind: 'wrong', mistake: '--config FILE is missing' }
    return { kind: 'read', config: values.config, json: values.json === true }
  } catch (error) {
    return { kind: 'wrong', mistake: messageOf(error) }
  }
}
