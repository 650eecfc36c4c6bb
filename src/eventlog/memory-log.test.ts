import { logContract } from './contract.ts'
import { createMemoryLog } from './memory-log.ts'

logContract('in memory', () => Promise.resolve(createMemoryLog()))
