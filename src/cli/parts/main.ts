import { partsCommand } from './command.ts'

// The parts without the rest of the command line: for scripts that run before anything else is known to work.
process.exitCode = await partsCommand(process.argv.slice(2))
